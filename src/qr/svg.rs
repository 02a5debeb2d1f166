//! A code as SVG: one path on a white square.
use std::fmt::Write as _;

use super::QrCode;

/// Pixels per module at the drawing's natural size.
const SCALE_PIXELS: usize = 8;

impl QrCode {
    /// Draws the code as an SVG file, black on white, quiet zone included.
    #[must_use]
    pub fn to_svg(&self) -> String {
        let side = self.drawn_side();
        let pixels = side * SCALE_PIXELS;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{pixels}\" height=\"{pixels}\" \
             viewBox=\"0 0 {side} {side}\" shape-rendering=\"crispEdges\">\n\
             <rect width=\"{side}\" height=\"{side}\" fill=\"#fff\"/>\n\
             <path fill=\"#000\" d=\"{}\"/>\n</svg>\n",
            self.dark_runs()
        )
    }

    /// One rectangle for each horizontal run of dark modules.
    fn dark_runs(&self) -> String {
        let side = self.drawn_side();
        let mut path = String::new();
        for y in 0..side {
            let mut x = 0;
            while x < side {
                let length = (x..side).take_while(|&x| self.is_drawn_dark(x, y)).count();
                if length > 0 {
                    write!(path, "M{x} {y}h{length}v1h-{length}z")
                        .expect("writing to a String cannot fail");
                }
                x += length + 1;
            }
        }
        path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_runs_of_an_svg_cover_exactly_the_dark_modules() {
        let code = QrCode::from_text("https://gateway.example/mcp#0123456789").unwrap();
        let side = code.drawn_side();
        let mut painted = vec![vec![false; side]; side];
        for run in code.dark_runs().split_terminator('z') {
            let (start, rest) = run.strip_prefix('M').unwrap().split_once('h').unwrap();
            let (x, y) = start.split_once(' ').unwrap();
            let (x, y): (usize, usize) = (x.parse().unwrap(), y.parse().unwrap());
            let length: usize = rest.split_once('v').unwrap().0.parse().unwrap();
            painted[y][x..x + length].fill(true);
        }
        for (y, row) in painted.iter().enumerate() {
            for (x, &dark) in row.iter().enumerate() {
                assert_eq!(dark, code.is_drawn_dark(x, y), "module {x},{y}");
            }
        }
    }

    #[test]
    fn a_small_svg_looks_like_this() {
        insta::assert_snapshot!(QrCode::from_text("A").unwrap().to_svg());
    }
}
