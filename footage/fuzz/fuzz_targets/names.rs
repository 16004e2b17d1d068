//! A name that is accepted is written back byte by byte.
#![no_main]

use camerafleet_footage::ids::TenantId;
use camerafleet_footage::layout::{
    Epoch, Hour, SegmentName, camera_key_name, close_record_key, epoch_key_name, loss_record_key,
    parse_camera_key_name, parse_close_record_key, parse_epoch_key_name, parse_loss_record_key,
};
use libfuzzer_sys::fuzz_target;

// The first line is the tenant's folder, the second the name.
fuzz_target!(|input: &str| {
    let (prefix, key) = input.split_once('\n').unwrap_or(("", input));
    let written = prefix.trim_matches('/');
    let tenant = TenantId::parse("t-1").expect("a tenant's id");
    if let Ok(name) = SegmentName::parse(prefix, key) {
        assert_eq!(name.key(prefix), key);
        assert_eq!(name.key(written), key);
        assert!(parse_close_record_key(prefix, &name.tenant, key).is_none());
        assert!(name.end_ms() >= name.start_ms);
    }
    if let Some((camera, stream)) = parse_close_record_key(prefix, &tenant, key) {
        assert_eq!(close_record_key(prefix, &tenant, &camera, &stream), key);
        assert!(parse_loss_record_key(prefix, &tenant, key).is_none());
    }
    if let Some((camera, stream, sequence)) = parse_loss_record_key(prefix, &tenant, key) {
        assert_eq!(loss_record_key(prefix, &tenant, &camera, &stream, sequence), key);
    }
    if let Ok(camera) = parse_camera_key_name(key) {
        assert_eq!(camera_key_name(&camera), key);
        assert!(parse_epoch_key_name(key).is_err());
    }
    if let Ok((policy, epoch)) = parse_epoch_key_name(key) {
        assert_eq!(epoch_key_name(&policy, &epoch), key);
    }
    if let Ok(epoch) = key.parse::<Epoch>() {
        assert_eq!(epoch.to_string(), key);
        assert!(epoch.start() <= epoch.end());
    }
    if let Ok(hour) = key.parse::<Hour>() {
        assert_eq!(hour.to_string(), key);
        assert!(hour.start() <= hour.next().start());
    }
});
