//! What a failpoint build does on purpose: `ROLITT_FAILPOINTS`. Every other build refuses to start
//! where it is set, so that no run counts on a fault that cannot happen.

use failpoints::{
    ENABLED, Settings,
    shop::{CONTROLS, FAILPOINTS},
};

use super::Reader;

/// Reads the settings; the default where there are none.
pub fn failpoints(reader: &mut Reader<'_>) -> Settings {
    let parse = |text: &str| {
        if !ENABLED {
            return Err("must not be set: this program was built without failpoints".to_owned());
        }
        let settings: Settings = text.parse().map_err(|error: failpoints::SettingsError| error.to_string())?;
        settings.check(&FAILPOINTS, &CONTROLS).map_err(|error| error.to_string())?;
        Ok(settings)
    };
    reader.parsed("ROLITT_FAILPOINTS", parse).unwrap_or_default()
}
