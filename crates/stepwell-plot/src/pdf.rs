//! SVG to PDF: lines and areas as they are, letters as outlines, so that no font is needed where it is read or printed.

use std::fmt::Write;

use miniz_oxide::deflate::compress_to_vec_zlib;
use resvg::usvg::{self, tiny_skia_path::PathSegment};

use crate::error::PlotError;
use crate::raster;

/// Points in an inch.
const INCH: f32 = 72.0;

/// The picture as a page of its own size, `width` inches wide.
///
/// # Errors
/// If the document cannot be read.
pub fn pdf(svg: &str, width: f32) -> Result<Vec<u8>, PlotError> {
    let tree = raster::tree(svg)?;
    let scale = width * INCH / tree.size().width();
    let (width, height) = (tree.size().width() * scale, tree.size().height() * scale);
    let mut page = Page { content: format!("{scale} 0 0 -{scale} 0 {height} cm\n"), opacities: Vec::new() };
    page.group(tree.root(), 1.0);
    Ok(document(&page, width, height))
}

/// The content of a page, and the opacities that it uses, in thousandths.
struct Page {
    content: String,
    opacities: Vec<u32>,
}

impl Page {
    fn group(&mut self, group: &usvg::Group, opacity: f32) {
        let opacity = opacity * group.opacity().get();
        for node in group.children() {
            match node {
                usvg::Node::Group(group) => self.group(group, opacity),
                usvg::Node::Path(path) => self.path(path, opacity),
                usvg::Node::Text(text) => self.group(text.flattened(), opacity),
                // our figures have none
                usvg::Node::Image(_) => {}
            }
        }
    }

    fn path(&mut self, path: &usvg::Path, opacity: f32) {
        let t = path.abs_transform();
        let fill = path.fill().and_then(|fill| Some((color(fill.paint())?, fill)));
        let stroke = path.stroke().and_then(|stroke| Some((color(stroke.paint())?, stroke)));
        let Some(data) = path.data().clone().transform(t).filter(|_| path.is_visible()) else { return };
        if let Some((color, fill)) = fill {
            let operator = if fill.rule() == usvg::FillRule::EvenOdd { "f*" } else { "f" };
            let set = format!("{color} rg ");
            self.draw(&set, fill.opacity().get() * opacity, &data, operator);
        }
        if let Some((color, stroke)) = stroke {
            let scale = (t.sx * t.sy - t.kx * t.ky).abs().sqrt();
            let mut set = format!("{color} RG {} w ", number(stroke.width().get() * scale));
            if let Some(dashes) = stroke.dasharray() {
                let dashes: Vec<String> = dashes.iter().map(|dash| number(dash * scale)).collect();
                let _ = write!(set, "[{}] {} d ", dashes.join(" "), number(stroke.dashoffset() * scale));
            }
            self.draw(&set, stroke.opacity().get() * opacity, &data, "S");
        }
    }

    /// One object in a graphics state of its own.
    fn draw(&mut self, set: &str, opacity: f32, data: &usvg::tiny_skia_path::Path, operator: &str) {
        let opacity = (opacity * 1000.0).round() as u32;
        if !self.opacities.contains(&opacity) {
            self.opacities.push(opacity);
        }
        // round joins, as sharp turns of a series must not grow spikes
        let _ = write!(self.content, "q 1 j /O{opacity} gs {set}");
        let at = |x: f32, y: f32| format!("{} {} ", number(x), number(y));
        let (mut here, out) = ((0.0, 0.0), &mut self.content);
        for segment in data.segments() {
            match segment {
                PathSegment::MoveTo(p) => _ = write!(out, "{}m ", at(p.x, p.y)),
                PathSegment::LineTo(p) => _ = write!(out, "{}l ", at(p.x, p.y)),
                PathSegment::QuadTo(c, p) => {
                    // the cubic that is the same curve
                    let third = |from: (f32, f32)| at((from.0 + 2.0 * c.x) / 3.0, (from.1 + 2.0 * c.y) / 3.0);
                    let _ = write!(out, "{}{}{}c ", third(here), third((p.x, p.y)), at(p.x, p.y));
                }
                PathSegment::CubicTo(a, b, p) => {
                    let _ = write!(out, "{}{}{}c ", at(a.x, a.y), at(b.x, b.y), at(p.x, p.y));
                }
                PathSegment::Close => out.push_str("h "),
            }
            if let PathSegment::MoveTo(p)
            | PathSegment::LineTo(p)
            | PathSegment::QuadTo(_, p)
            | PathSegment::CubicTo(_, _, p) = segment
            {
                here = (p.x, p.y);
            }
        }
        let _ = writeln!(self.content, "{operator} Q");
    }
}

/// Red, green and blue; our figures have no gradients.
fn color(paint: &usvg::Paint) -> Option<String> {
    let usvg::Paint::Color(color) = paint else { return None };
    let [r, g, b] = [color.red, color.green, color.blue].map(|part| number(f32::from(part) / 255.0));
    Some(format!("{r} {g} {b}"))
}

fn number(value: f32) -> String {
    let text = format!("{value:.3}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text.is_empty() || text == "-0" { "0".into() } else { text.into() }
}

/// The file: objects, their places, and where the list of places stands. There is no date in it.
fn document(page: &Page, width: f32, height: f32) -> Vec<u8> {
    let states: Vec<String> =
        page.opacities.iter().map(|o| format!("/O{o} << /ca {0} /CA {0} >>", number(*o as f32 / 1000.0))).collect();
    let content = compress_to_vec_zlib(page.content.as_bytes(), 9);
    let mut out = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n".to_vec();
    let mut places = Vec::new();
    let mut object = |out: &mut Vec<u8>, body: &str, stream: Option<&[u8]>| {
        places.push(out.len());
        out.extend(format!("{} 0 obj\n{body}\n", places.len()).as_bytes());
        if let Some(stream) = stream {
            out.extend(b"stream\n");
            out.extend(stream);
            out.extend(b"\nendstream\n");
        }
        out.extend(b"endobj\n");
    };
    object(&mut out, "<< /Type /Catalog /Pages 2 0 R >>", None);
    object(&mut out, "<< /Type /Pages /Kids [3 0 R] /Count 1 >>", None);
    let body = format!(
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {} {}] /Contents 4 0 R /Resources << /ExtGState << {} >> >> >>",
        number(width),
        number(height),
        states.join(" ")
    );
    object(&mut out, &body, None);
    object(&mut out, &format!("<< /Length {} /Filter /FlateDecode >>", content.len()), Some(&content));
    object(&mut out, "<< /Producer (stepwell) >>", None);
    let start = out.len();
    let mut end = format!("xref\n0 {}\n0000000000 65535 f \n", places.len() + 1);
    for place in &places {
        let _ = writeln!(end, "{place:010} 00000 n ");
    }
    let _ =
        write!(end, "trailer\n<< /Size {} /Root 1 0 R /Info 5 0 R >>\nstartxref\n{start}\n%%EOF\n", places.len() + 1);
    out.extend(end.as_bytes());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_of_objects_are_right_and_the_page_has_the_asked_width() {
        let svg = r##"<svg xmlns="http://www.w3.org/2000/svg" width="200" height="100">
            <path d="M0 0L10 10" stroke="#ff0000" fill="none" opacity="0.5"/><text x="5" y="50">η</text></svg>"##;
        let bytes = pdf(svg, 2.0).unwrap();
        assert_eq!(bytes, pdf(svg, 2.0).unwrap());
        let text = String::from_utf8_lossy(&bytes);
        assert!(text.contains("/MediaBox [0 0 144 72]") && text.contains("/O500 << /ca 0.5"), "{text}");
        let find = |what: &[u8]| bytes.windows(what.len()).rposition(|window| window == what).unwrap();
        let xref = find(b"xref\n0 6");
        assert!(text.ends_with(&format!("startxref\n{xref}\n%%EOF\n")));
        let table = std::str::from_utf8(&bytes[xref..]).unwrap();
        for (k, line) in table.lines().skip(3).take(5).enumerate() {
            let place: usize = line[..10].parse().unwrap();
            assert!(bytes[place..].starts_with(format!("{} 0 obj", k + 1).as_bytes()));
        }
        let from = find(b"stream\n") - b"end".len();
        let start = bytes.windows(7).position(|window| window == b"stream\n").unwrap() + 7;
        let content = miniz_oxide::inflate::decompress_to_vec_zlib(&bytes[start..from - 1]).unwrap();
        let content = String::from_utf8(content).unwrap();
        assert!(content.contains("1 0 0 RG 1 w 0 0 m 10 10 l S Q"), "{content}");
        assert!(content.matches(" c ").count() > 3 && content.contains("f Q"), "letters are outlines: {content}");
    }
}
