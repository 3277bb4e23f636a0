"""Documents that tests submit: PDF files and pictures, written byte by byte."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import av
import numpy as np
from numpy.typing import NDArray
from pypdfium2 import PdfDocument  # type: ignore[import-untyped]

Pixels = NDArray[np.uint8]
WIDTH, HEIGHT = 595, 842  # A4 in points
SCAN_DPI = 200
LINE_POINTS = 18

LETTER = "Mr. Smith has had chest pain for two days.\nHe denies fever.\nHe takes metformin 500 mg twice daily."
CARTA = "La paciente refiere cefalea desde hace tres días.\nNiega fiebre.\nToma paracetamol 500 mg cada ocho horas."


@dataclass(frozen=True, slots=True)
class Scan:
    """A page that is only a picture, with a line of real text that a scanner has put below it."""

    words: str
    footer: str = ""
    strips: int = 1
    """How many pictures the scanner has made of it, one below the other."""


def pdf(*pages: str | Scan, encrypted: bool = False, content: bytes | None = None) -> bytes:
    """A PDF of these pages; `content` takes the place of each page's drawing, already a stream object."""
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>", b"", _font()]
    kids = []
    for page in pages:
        resources = "/Font << /F 3 0 R >>"
        if isinstance(page, Scan):
            high = HEIGHT / page.strips
            names = {f"/I{each}": len(objects) + 1 + each for each in range(page.strips)}
            objects += [_image(each) for each in np.array_split(picture(page.words), page.strips)]
            resources += f" /XObject << {' '.join(f'{name} {at} 0 R' for name, at in names.items())} >>"
            places = [
                f"q {WIDTH} 0 0 {high} 0 {HEIGHT - (at + 1) * high} cm {name} Do Q" for at, name in enumerate(names)
            ]
            drawing = "\n".join(places).encode() + b"\n" + _text(page.footer, 8, top=30 + 18 * page.footer.count("\n"))
        else:
            drawing = _text(page, 12)
        objects.append(content or _stream(drawing))
        kids.append(f"{len(objects) + 1} 0 R")
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {WIDTH} {HEIGHT}] /Contents {len(objects)} 0 R "
            f"/Resources << {resources} >> >>".encode()
        )
    objects[1] = f"<< /Type /Pages /Kids [{' '.join(kids)}] /Count {len(kids)} >>".encode()
    return _file(objects, encrypted=encrypted)


def form(fields: Mapping[str, str | bool], *, xfa: bool = False) -> bytes:
    """A PDF of one page with labels, and behind each of them a field with what was typed into it, or a box to tick."""
    drawn = [f"BT /F 12 Tf 50 {HEIGHT - 40 - 30 * row} Td ({each}) Tj ET" for row, each in enumerate(fields)]
    places = [f"{row + 6} 0 R" for row in range(len(fields))]
    fill = f"/Fields [{' '.join(places)}] /DR << /Font << /F 3 0 R >> >>{' /XFA 4 0 R' if xfa else ''}"
    page = f"/MediaBox [0 0 {WIDTH} {HEIGHT}] /Contents 4 0 R /Resources << /Font << /F 3 0 R >> >>"
    objects = [
        f"<< /Type /Catalog /Pages 2 0 R /AcroForm << {fill} >> {'/NeedsRendering true' if xfa else ''} >>".encode(),
        b"<< /Type /Pages /Kids [5 0 R] /Count 1 >>",
        _font(),
        _stream("\n".join(drawn).encode()),
        f"<< /Type /Page /Parent 2 0 R {page} /Annots [{' '.join(places)}] >>".encode(),
    ]
    at = len(fields) + 6
    for row, value in enumerate(fields.values()):
        low = HEIGHT - 46 - 30 * row
        place = f"/T (f{row}) /F 4 /P 5 0 R /Rect [250 {low} {270 if isinstance(value, bool) else 550} {low + 20}]"
        state = "/On" if value else "/Off"
        field = f"{place} /FT /Tx /V ({value}) /DA (/F 12 Tf 0 g)"
        if isinstance(value, bool):
            field = f"{place} /FT /Btn /V {state} /AS {state} /AP << /N << /On {at} 0 R /Off {at + 1} 0 R >> >>"
        objects.append(f"<< /Type /Annot /Subtype /Widget {field} >>".encode())
    shape = "/Type /XObject /Subtype /Form /BBox [0 0 20 20] /Resources << /Font << /F 3 0 R >> >>"
    objects += [_stream(drawing, shape) for drawing in (b"BT /F 12 Tf 4 4 Td (4) Tj ET", b"")]
    return _file(objects, encrypted=False)


def picture(words: str) -> Pixels:
    """A page with these words as a scanner sees it: shades of grey at SCAN_DPI."""
    page = PdfDocument(pdf(words))[0]
    bitmap = page.render(scale=SCAN_DPI / 72, grayscale=True)
    made: Pixels = bitmap.to_numpy().reshape(bitmap.height, -1)[:, : bitmap.width].copy()
    return made


def png(pixels: Pixels) -> bytes:
    """PNG, 8 bits of grey."""
    height, width = pixels.shape
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


def jpeg(pixels: Pixels) -> bytes:
    """JPEG, by FFmpeg."""
    height, width = (each - each % 2 for each in pixels.shape)
    with av.open("/dev/null", "w", format="mjpeg") as container:
        stream = container.add_stream("mjpeg", rate=1, options={"qscale": "2"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuvj420p"
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels[:height, :width]), format="gray")
        packets = [*stream.encode(frame), *stream.encode(None)]
        return b"".join(bytes(packet) for packet in packets)


def tiff(*pages: Pixels) -> bytes:
    """TIFF without compression, one directory a page."""
    made = bytearray(b"II*\0\0\0\0\0")
    link = 4
    for pixels in pages:
        height, width = pixels.shape
        at = len(made)
        made += pixels.tobytes() + b"\0" * (pixels.size % 2)
        resolution = len(made)
        made += struct.pack("<II", SCAN_DPI, 1)
        struct.pack_into("<I", made, link, len(made))
        entries = [(256, 4, width), (257, 4, height), (258, 3, 8), (259, 3, 1), (262, 3, 1), (273, 4, at)]
        entries += [(277, 3, 1), (278, 4, height), (279, 4, pixels.size)]
        made += struct.pack("<H", len(entries) + 2)
        made += b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in entries)
        made += b"".join(struct.pack("<HHII", tag, 5, 1, resolution) for tag in (282, 283))
        link = len(made)
        made += b"\0\0\0\0"
    return bytes(made)


def bomb(megabytes: int) -> bytes:
    """A small PDF whose one page unpacks to so many megabytes of drawing."""
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(b"0 g " * (1 << 18)) for _ in range(megabytes)) + packer.flush()
    twice = zlib.compress(packed, 9)
    head = f"<< /Length {len(twice)} /Filter [/FlateDecode /FlateDecode] >>\nstream\n".encode()
    return pdf("", content=head + twice + b"\nendstream")


def _text(words: str, size: int, *, top: int = HEIGHT - 40) -> bytes:
    lines = b" T* ".join(b"(" + _escaped(line) + b") Tj" for line in words.split("\n"))
    return f"BT /F {size} Tf {LINE_POINTS} TL 50 {top} Td ".encode() + lines + b" ET"


def _escaped(line: str) -> bytes:
    return line.encode("cp1252").replace(b"\\", b"\\\\").replace(b"(", b"\\(").replace(b")", b"\\)")


def _font() -> bytes:
    return b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>"


def _stream(data: bytes, fields: str = "") -> bytes:
    return f"<< /Length {len(data)} {fields} >>\nstream\n".encode() + data + b"\nendstream"


def _image(pixels: Pixels) -> bytes:
    height, width = pixels.shape
    fields = f"/Type /XObject /Subtype /Image /Width {width} /Height {height} /ColorSpace /DeviceGray "
    return _stream(zlib.compress(pixels.tobytes()), fields + "/BitsPerComponent 8 /Filter /FlateDecode")


def _file(objects: Sequence[bytes], *, encrypted: bool) -> bytes:
    made = bytearray(b"%PDF-1.4\n")
    trailer = f"/Size {len(objects) + 1} /Root 1 0 R"
    if encrypted:  # hashes that no password has
        lock = f"<< /Filter /Standard /V 1 /R 2 /O <{'41' * 32}> /U <{'42' * 32}> /P -4 >>"
        trailer += f" /Encrypt {lock} /ID [<{'00' * 16}> <{'00' * 16}>]"
    places = []
    for number, body in enumerate(objects, 1):
        places.append(len(made))
        made += f"{number} 0 obj\n".encode() + body + b"\nendobj\n"
    start = len(made)
    made += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode()
    made += b"".join(f"{place:010d} 00000 n \n".encode() for place in places)
    return bytes(made + f"trailer << {trailer} >>\nstartxref\n{start}\n%%EOF\n".encode())
