//! A code as PNG: grey, one bit a pixel.
use super::QrCode;

/// Pixels per side of a module: sharp on a phone screen and in print.
pub const PNG_SCALE_PIXELS: usize = 8;

impl QrCode {
    /// Draws the code as a PNG file, dark on light, quiet zone included.
    ///
    /// # Errors
    ///
    /// Returns the encoder's error; none is known for images of this size.
    #[expect(clippy::missing_panics_doc, reason = "the one `expect` holds for every code")]
    pub fn to_png(&self) -> Result<Vec<u8>, png::EncodingError> {
        // The largest code has 177 modules, so a side has at most 1,480 pixels.
        let side = self.drawn_side() * PNG_SCALE_PIXELS;
        let pixels = u32::try_from(side).expect("a side has at most 1,480 pixels");
        let mut file = Vec::new();
        let mut encoder = png::Encoder::new(&mut file, pixels, pixels);
        encoder.set_color(png::ColorType::Grayscale);
        encoder.set_depth(png::BitDepth::One);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&self.packed_rows())?;
        writer.finish()?;
        Ok(file)
    }

    /// Rows of pixels, eight to a byte. A module is one byte wide because the scale is eight.
    fn packed_rows(&self) -> Vec<u8> {
        const { assert!(PNG_SCALE_PIXELS == 8, "a module fills one byte of a row") }
        let side = self.drawn_side();
        (0..side)
            .flat_map(|y| {
                let row: Vec<u8> =
                    (0..side).map(|x| if self.is_drawn_dark(x, y) { 0x00 } else { 0xff }).collect();
                row.repeat(PNG_SCALE_PIXELS)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    fn a_png_decodes_to_exactly_the_modules_and_a_light_quiet_zone() {
        for length in [1, 60, 500] {
            let code = QrCode::from_text(&"u".repeat(length)).unwrap();
            let file = code.to_png().unwrap();
            let mut reader = png::Decoder::new(Cursor::new(file)).read_info().unwrap();
            let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
            let info = reader.next_frame(&mut pixels).unwrap();
            assert_eq!(info.bit_depth, png::BitDepth::One);
            assert_eq!(info.width as usize, code.drawn_side() * PNG_SCALE_PIXELS);
            assert_eq!(info.width, info.height);
            for y in 0..info.height as usize {
                for x in 0..info.width as usize {
                    let light = pixels[y * info.line_size + x / 8] >> (7 - x % 8) & 1 == 1;
                    let dark = code.is_drawn_dark(x / PNG_SCALE_PIXELS, y / PNG_SCALE_PIXELS);
                    assert_eq!(light, !dark, "pixel {x},{y}");
                }
            }
        }
    }
}
