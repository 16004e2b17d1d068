//! A close or loss record that is accepted is written back byte by byte.
#![no_main]

use camerafleet_footage::layout::{parse_close_record_key, parse_loss_record_key};
use camerafleet_footage::seal::{CloseRecord, LossRecord, stream_id};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(record) = CloseRecord::from_json(bytes) {
        assert_eq!(record.to_json(), bytes);
        assert!(LossRecord::from_json(bytes).is_err());
        assert_eq!(stream_id(&record.stream_key), record.stream);
        let named = parse_close_record_key("p", &record.tenant, &record.key("p"));
        assert_eq!(named, Some((record.camera.clone(), record.stream.clone())));
        let _ = record.verify(&record.stream_key);
    }
    if let Ok(record) = LossRecord::from_json(bytes) {
        assert_eq!(record.to_json(), bytes);
        let named = parse_loss_record_key("p", &record.tenant, &record.key("p"));
        assert_eq!(named, Some((record.camera.clone(), record.stream.clone(), record.segment.sequence)));
        let _ = record.verify(&record.stream_key);
    }
});
