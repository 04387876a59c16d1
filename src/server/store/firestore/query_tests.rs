//! That each query has the index that it needs, as it is deployed, and that nothing else is deployed.
