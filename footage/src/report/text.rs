//! Names as they are told.

/// A name on one line, without what would act on a terminal or turn the text around it.
pub fn tidy(name: &str) -> String {
    let visible = |c: &char| !c.is_control() && !is_format(*c);
    let words: Vec<String> =
        name.split_whitespace().map(|word| word.chars().filter(visible).collect()).collect();
    words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Marks that have no width or change the direction of writing.
fn is_format(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_line_of_visible_characters() {
        for (name, told) in [
            (" Example\t\n Police ", "Example Police"),
            ("\u{1b}[2JPolice\u{7}", "[2JPolice"),
            ("a\u{202e}b\u{200b}c", "abc"),
            ("Zoë Ünïversity 警察", "Zoë Ünïversity 警察"),
            ("\u{200b} \u{1b}", ""),
        ] {
            assert_eq!(tidy(name), told);
        }
    }
}
