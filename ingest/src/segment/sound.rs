//! Where sound lies on the picture's time line, pure.

use super::timeline::audio_offset_us;

/// The sound's clock against the picture's.
#[derive(Debug)]
pub struct Sound {
    rate: i64,
    /// Added to the sound's time, µs; known once both came.
    offset_us: Option<i64>,
    /// Arrival and media time of the newest frame of the picture, µs.
    picture: Option<(i64, i64)>,
    /// The newest sound's time on the picture's line, µs.
    newest_us: Option<i64>,
}

impl Sound {
    /// In units of `rate` per second.
    pub fn new(rate: u32) -> Self {
        Self { rate: i64::from(rate.max(1)), offset_us: None, picture: None, newest_us: None }
    }

    /// A frame of the picture came.
    pub fn picture(&mut self, at_us: i64, media_us: i64) {
        self.picture = Some((at_us, media_us));
    }

    /// The picture's time line was begun anew.
    pub fn forget(&mut self) {
        self.offset_us = None;
        self.newest_us = None;
    }

    /// The sound's time on the picture's line, µs; none before there is a picture.
    pub fn place(&mut self, raw: i64, at_us: i64) -> Option<i64> {
        let own = raw * 1_000_000 / self.rate;
        let picture = self.picture?;
        let offset = *self.offset_us.get_or_insert_with(|| audio_offset_us(picture, (at_us, own)));
        self.newest_us = Some(own + offset);
        self.newest_us
    }

    /// Whether sound from before `media_us` may still come.
    pub fn is_behind(&self, media_us: i64) -> bool {
        self.newest_us.is_some_and(|newest| newest < media_us)
    }

    /// A time of the picture's line in the sound's units since `zero_us`.
    pub fn units(&self, media_us: i64, zero_us: i64) -> i64 {
        (media_us - zero_us) * self.rate / 1_000_000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sound_finds_its_place_once_there_is_a_picture() {
        let mut sound = Sound::new(48_000);
        assert_eq!(sound.place(0, 5_000_000), None);
        assert!(!sound.is_behind(1), "sound that never came is not waited for");
        sound.picture(5_000_000, 100_000);
        // As near to the picture by arrival as by its own time: believed.
        assert_eq!(sound.place(4_800, 5_010_000), Some(100_000));
        assert!(sound.is_behind(100_001) && !sound.is_behind(100_000));
        assert_eq!(sound.units(100_000, 50_000), 2_400);
        // The camera's clock was set: by arrival again.
        sound.forget();
        sound.picture(9_000_000, 70_000_000);
        assert_eq!(sound.place(48_000, 9_000_000), Some(70_000_000));
    }
}
