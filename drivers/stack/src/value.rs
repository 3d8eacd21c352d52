//! Values of options: from the description's to the ones that a kind asks for.

use alloc::{format, string::ToString};

use driver::{OptionKind, OptionValue};
use toml::de::DeValue;

/// The value as `kind` wants it, or why it can't be.
pub(crate) fn option(
    value: &DeValue<'_>,
    kind: OptionKind,
) -> Result<OptionValue, alloc::string::String> {
    let wrong = || format!("is {}, not {}", name_of(value), kind.name());
    match (kind, value) {
        (OptionKind::Flag, DeValue::Boolean(flag)) => Ok(OptionValue::Flag(*flag)),
        // A secret is read when the driver is made; until then there is only its place.
        (OptionKind::Text | OptionKind::Secret, DeValue::String(text)) => {
            Ok(OptionValue::Text(text.to_string()))
        }
        (OptionKind::Integer | OptionKind::Size, DeValue::Integer(number)) => {
            u64::from_str_radix(number.as_str(), number.radix())
                .map(OptionValue::Integer)
                .map_err(|_| format!("is {}, out of range", number.as_str()))
        }
        (OptionKind::Size, DeValue::String(text)) => {
            size(text).map(OptionValue::Integer).ok_or_else(|| format!("is \"{text}\", no size"))
        }
        _ => Err(wrong()),
    }
}

fn name_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a point",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// Bytes: a number with or without KiB, MiB, GiB or TiB.
fn size(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let shift = match text[digits..].trim() {
        "" | "B" => 0,
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        "TiB" => 40,
        _ => return None,
    };
    text[..digits].parse::<u64>().ok()?.checked_mul(1 << shift)
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_are_read_with_their_units() {
        assert_eq!(size("65536"), Some(65536));
        assert_eq!(size("64 MiB"), Some(64 << 20));
        assert_eq!(size("1GiB"), Some(1 << 30));
        assert_eq!(size("99999999999 TiB"), None);
        assert_eq!(size("12 parsecs"), None);
        assert_eq!(size("MiB"), None);
    }
}
