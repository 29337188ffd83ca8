//! The days of a month as a strip, and the gateway's figures as bars: one set of rectangles, written as PNG
//! for mail programs and as SVG for pages. Days differ in height as well as in colour, so that nobody needs
//! to see colours to read them.

use super::days::{Day, Lane};
use super::statistics::Figures;
use crate::words::Language;

/// Units from one day to the next, and of the gap between two; units are CSS pixels of the SVG.
const STEP: u32 = 18;
const GAP: u32 = 3;
const HEIGHT: u32 = 24;
const BARS_HEIGHT: u32 = 72;
/// Pixels of the PNG a unit, for screens with a high resolution.
const SCALE: u32 = 2;
/// More days than any report has.
const MAX_CELLS: usize = 62;

/// Index 0 is transparent.
const PALETTE: [[u8; 3]; 8] = [
    [255, 255, 255],
    [0x2e, 0x9e, 0x6b], // good
    [0xd9, 0x98, 0x00], // fair
    [0xc0, 0x30, 0x2b], // bad
    [0x9a, 0xa3, 0xab], // nobody looked
    [0xdf, 0xe3, 0xe6], // not connected
    [0x9d, 0xc3, 0xe6], // received
    [0x1f, 0x5f, 0xbf], // stopped
];

/// One rectangle; `colour` is an index of the palette.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Rect {
    x: u32,
    y: u32,
    width: u32,
    height: u32,
    colour: u8,
}

/// Rectangles and what they stand on.
struct Picture {
    width: u32,
    height: u32,
    rects: Vec<Rect>,
}

/// A lane as PNG.
///
/// # Errors
/// When it cannot be encoded; the text says why.
pub fn lane_png(lane: &Lane) -> Result<Vec<u8>, String> {
    png(&strip(lane))
}

/// A lane as SVG, to stand in a page.
#[must_use]
pub fn lane_svg(lane: &Lane, language: Language) -> String {
    svg(&strip(lane), &lane.in_words(language))
}

/// Received and stopped mail by day, as PNG. `None` where the gateway gives no days.
pub(super) fn bars_png(figures: &Figures) -> Option<Result<Vec<u8>, String>> {
    bars(figures).map(|picture| png(&picture))
}

/// The same as SVG.
pub(super) fn bars_svg(figures: &Figures, language: Language) -> Option<String> {
    bars(figures).map(|picture| svg(&picture, &bars_in_words(figures, language)))
}

/// The bars in words.
pub(super) fn bars_in_words(figures: &Figures, language: Language) -> String {
    let most = figures.days.iter().max_by_key(|day| day.received);
    let busiest = most.map(|day| match language {
        Language::En => {
            format!("; most on {}: {} received, {} stopped", day.day.strftime("%-d %B"), day.received, day.stopped)
        }
        Language::Fi => format!(
            "; eniten {}: vastaanotettu {}, pysäytetty {}",
            day.day.strftime("%-d.%-m."),
            day.received,
            day.stopped
        ),
    });
    format!("{}{}", language.say("Mail by day", "Posti päivittäin"), busiest.unwrap_or_default())
}

fn strip(lane: &Lane) -> Picture {
    let mut rects = Vec::new();
    let mut x = 0;
    for day in lane.each().take(MAX_CELLS) {
        let (colour, height) = match day {
            Day::Good => (1, 16),
            Day::Fair => (2, 20),
            Day::Bad => (3, HEIGHT),
            Day::Unseen => (4, 8),
            Day::Blank => (5, 3),
        };
        rects.push(Rect { x, y: HEIGHT - height, width: STEP - GAP, height, colour });
        x += STEP;
    }
    Picture { width: x.saturating_sub(GAP).max(1), height: HEIGHT, rects }
}

fn bars(figures: &Figures) -> Option<Picture> {
    let most = figures.days.iter().map(|day| day.received).max().filter(|most| *most > 0)?;
    let mut rects = Vec::new();
    let mut x = 0;
    for day in figures.days.iter().take(MAX_CELLS) {
        let tall =
            |n: u64| u32::try_from(u128::from(n) * u128::from(BARS_HEIGHT) / u128::from(most)).unwrap_or(BARS_HEIGHT);
        // What is there at all is seen.
        let received = tall(day.received).max(u32::from(day.received > 0));
        let stopped = tall(day.stopped).max(u32::from(day.stopped > 0));
        for (height, colour) in [(received, 6), (stopped, 7)] {
            if height > 0 {
                rects.push(Rect { x, y: BARS_HEIGHT - height, width: STEP - GAP, height, colour });
            }
        }
        x += STEP;
    }
    Some(Picture { width: x.saturating_sub(GAP).max(1), height: BARS_HEIGHT, rects })
}

fn png(picture: &Picture) -> Result<Vec<u8>, String> {
    let (width, height) = (picture.width * SCALE, picture.height * SCALE);
    let size = |n: u32| usize::try_from(n).map_err(|error| error.to_string());
    let row = size(width)?;
    let mut pixels = vec![0_u8; row * size(height)?];
    for rect in &picture.rects {
        let (from, to) = (size(rect.x * SCALE)?, size((rect.x + rect.width) * SCALE)?);
        for y in rect.y * SCALE..(rect.y + rect.height) * SCALE {
            let start = size(y)? * row;
            if let Some(line) = pixels.get_mut(start + from..start + to) {
                line.fill(rect.colour);
            }
        }
    }
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_palette(PALETTE.concat());
    encoder.set_trns(vec![0]);
    let mut writer = encoder.write_header().map_err(|error| error.to_string())?;
    writer.write_image_data(&pixels).map_err(|error| error.to_string())?;
    writer.finish().map_err(|error| error.to_string())?;
    Ok(bytes)
}

/// Colours as attributes: pages forbid styles that do not come from their own file.
fn svg(picture: &Picture, words: &str) -> String {
    let mut text = format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {} {}" role="img" preserveAspectRatio="none" aria-label="{}">"#,
        picture.width,
        picture.height,
        escaped(words)
    );
    for Rect { x, y, width, height, colour } in &picture.rects {
        let [r, g, b] = PALETTE.get(usize::from(*colour)).copied().unwrap_or_default();
        text.push_str(&format!(
            r##"<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="1.5" fill="#{r:02x}{g:02x}{b:02x}"/>"##
        ));
    }
    text.push_str("</svg>");
    text
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
