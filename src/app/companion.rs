//! The drawing of the product. Its colors are custom properties of the page around it
//! (`data-color`), so one drawing serves five colors, and another choice is a cross-fade.

use leptos::prelude::*;

/// Draws the companion: a soft body, a seam, a face that is a light, and a shadow. Use it once per
/// page, because its gradients have ids.
#[component]
pub fn Companion() -> impl IntoView {
    view! {
        <svg class="companion" viewBox="0 0 400 400" aria-hidden="true" focusable="false">
            <defs>
                <radialGradient id="c-body" cx=".36" cy=".27" r=".82">
                    <stop class="c-lit" offset="0"/>
                    <stop class="c-base" offset=".46"/>
                    <stop class="c-shade" offset="1"/>
                </radialGradient>
                <radialGradient id="c-ground">
                    <stop class="c-ground" offset="0" stop-opacity=".5"/>
                    <stop class="c-ground" offset=".55" stop-opacity=".22"/>
                    <stop class="c-ground" offset="1" stop-opacity="0"/>
                </radialGradient>
                <radialGradient id="c-halo">
                    <stop class="c-glow" offset=".4" stop-opacity=".5"/>
                    <stop class="c-glow" offset="1" stop-opacity="0"/>
                </radialGradient>
                <radialGradient id="c-shine">
                    <stop class="c-soft" offset="0" stop-opacity=".42"/>
                    <stop class="c-soft" offset="1" stop-opacity="0"/>
                </radialGradient>
                <clipPath id="c-clip"><path d="M200 58c84 0 147 58 147 142 0 90-62 144-147 144S53 290 53 200C53 116 116 58 200 58z"/></clipPath>
            </defs>
            <ellipse cx="206" cy="346" rx="150" ry="27" fill="url(#c-ground)"/>
            <path d="M200 58c84 0 147 58 147 142 0 90-62 144-147 144S53 290 53 200C53 116 116 58 200 58z" fill="url(#c-body)"/>
            <g clip-path="url(#c-clip)" fill="none">
                <path class="c-seam" d="M40 232c52 68 262 70 322-4" stroke-width="3.5"/>
                <path class="c-seam" d="M40 239c52 68 262 70 322-4" stroke-width="9" opacity=".16"/>
                <path class="c-stitch" d="M40 223c52 68 262 70 322-4" stroke-width="2" stroke-dasharray="2 9"/>
                <path class="c-rim" d="M66 286c44 66 218 70 270-6" stroke-width="22" opacity=".13"/>
            </g>
            <circle class="c-dish" cx="190" cy="172" r="66"/>
            <circle cx="190" cy="172" r="92" fill="url(#c-halo)"/>
            <circle class="c-ring" cx="190" cy="172" r="43" fill="none" stroke-width="11"/>
            <path class="c-smile" d="M159.6 202.4a43 43 0 0 0 60.8 0" fill="none" stroke-width="13" stroke-linecap="round"/>
            <ellipse cx="122" cy="112" rx="62" ry="34" transform="rotate(-42 122 112)" fill="url(#c-shine)"/>
        </svg>
    }
}
