"""The page of the genome as text: `%(name)s` stands for what `genome_page` fills in.

It is XML as well as HTML, names no address, and draws what its element `data` holds into one SVG.
"""

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8"/>
<title>%(title)s</title>
<style>
body { font: 13px sans-serif; margin: 1.5em; color: #222; }
p { max-width: 60em; }
#controls { margin: 0.8em 0; }
#view { width: 100%%; border: 1px solid #ccc; cursor: grab; touch-action: none; user-select: none; }
#view text { font: 11px sans-serif; fill: #222; }
#view .small { font-size: 9px; }
</style>
</head>
<body>
<h1>%(title)s</h1>
%(told)s
<noscript><p>The regions are drawn by a script, which this browser does not run.</p></noscript>
<div id="controls">
<label>Region <select id="region"></select></label>
<button id="closer">closer</button>
<button id="wider">wider</button>
<button id="whole">whole region</button>
<span id="shown"></span>
</div>
<svg id="view" height="40">
<defs>
<path id="A" fill="%(A)s" fill-rule="evenodd" d="M0 100L40 0H60L100 100H79L71 76H29L21 100ZM35 59H65L50 17Z"/>
<path id="C" fill="%(C)s" d="M100 31C95 11 78 0 53 0C20 0 0 19 0 50C0 81 20 100 53 100C78 100 95 89 100 69L79 63C76 \
77 67 84 53 84C33 84 21 72 21 50C21 28 33 16 53 16C67 16 76 23 79 37Z"/>
<path id="G" fill="%(G)s" d="M99 28C93 10 77 0 53 0C20 0 0 19 0 50C0 81 20 100 53 100C72 100 88 95 100 86V45H53V61H80V\
76C73 81 64 84 54 84C33 84 21 72 21 50C21 28 33 16 53 16C66 16 75 22 79 34Z"/>
<path id="T" fill="%(T)s" d="M0 0H100V17H60V100H40V17H0Z"/>
</defs>
<g id="drawing"></g>
</svg>
<script type="application/json" id="data">%(data)s</script>
<script>
//<![CDATA[
"use strict";
const regions = JSON.parse(document.getElementById("data").textContent).regions;
const svg = document.getElementById("view"), drawing = document.getElementById("drawing");
const menu = document.getElementById("region"), shown = document.getElementById("shown");
const LEFT = 170, RIGHT = 12, TOP = 34, TRACK = 66, LANE = 13;
let region = null, start = 0, end = 1;

function numbers(text) {
  return new Float32Array(Uint8Array.from(atob(text), c => c.charCodeAt(0)).buffer);
}

function add(parent, tag, attributes, text) {
  const made = document.createElementNS(svg.namespaceURI, tag);
  for (const name in attributes) made.setAttribute(name, attributes[name]);
  if (text !== undefined) made.textContent = text;
  parent.appendChild(made);
  return made;
}

function width() { return Math.max(svg.clientWidth, LEFT + RIGHT + 100) - LEFT - RIGHT; }
function x(base) { return LEFT + (base - start) * width() / (end - start); }

function choose(number) {
  region = regions[number];
  for (const track of region.tracks) {
    if (typeof track.values === "string") track.values = numbers(track.values);
    track.low = Math.min(0, ...track.values);
    track.high = Math.max(0, ...track.values);
  }
  show(0, region.sequence.length);
}

function show(first, last) {
  const length = region.sequence.length, size = Math.min(length, Math.max(10, last - first));
  start = Math.min(Math.max(0, first), length - size);
  end = start + size;
  draw();
}

// Lane of each span below a track, so that none lies over another.
function lanes(spans) {
  const reached = [];
  return spans.map(span => {
    let lane = reached.findIndex(last => last <= span.start);
    if (lane < 0) lane = reached.length;
    reached[lane] = span.end;
    return lane;
  });
}

function drawSpans(parent, spans, top) {
  const found = lanes(spans);
  spans.forEach((span, number) => {
    if (span.end <= start || span.start >= end) return;
    const y = top + found[number] * LANE, left = x(Math.max(span.start, start)), right = x(Math.min(span.end, end));
    const box = add(parent, "g", {"class": span.name ? "hit" : "seqlet"});
    const colour = span.name ? "hsl(" + span.hue + ",60%%,45%%)" : "#999";
    add(box, "rect", {x: left, y: y, width: right - left, height: span.name ? LANE - 3 : 4, fill: colour});
    if (span.name) {
      const text = (span.strand === "-" ? "\\u25c2 " : "") + span.name + (span.strand === "+" ? " \\u25b8" : "");
      if (right - left > 5.2 * text.length) {
        add(box, "text", {x: (left + right) / 2, y: y + 8.5, "class": "small", "text-anchor": "middle",
                          style: "fill: white"}, text);
      }
    }
    add(box, "title", {}, span.told);
  });
  return Math.max(0, ...found.map(lane => lane + 1));
}

function drawTrack(parent, track, top) {
  const scale = (TRACK - 8) / (track.high - track.low || 1), zero = top + track.high * scale;
  const each = width() / (end - start), from = Math.floor(start), to = Math.min(Math.ceil(end), track.values.length);
  const box = add(parent, "g", {"clip-path": "url(#inner)", "class": "track"});
  add(parent, "line", {x1: LEFT, x2: LEFT + width(), y1: zero, y2: zero, stroke: "#bbb"});
  add(parent, "text", {x: 6, y: top + 14}, track.method);
  add(parent, "text", {x: 6, y: top + 28}, track.target);
  add(parent, "text", {x: LEFT - 4, y: top + 8, "class": "small", "text-anchor": "end"}, track.high.toPrecision(2));
  add(parent, "text", {x: LEFT - 4, y: top + TRACK - 6, "class": "small", "text-anchor": "end"},
      track.low.toPrecision(2));
  if (each >= 4) {
    for (let base = from; base < to; base++) {
      const letter = region.sequence[base], value = track.values[base], height = Math.abs(value) * scale;
      if (letter === "N" || height === 0) continue;
      const place = value > 0 ? [zero - height, height / 100] : [zero + height, -height / 100];
      add(box, "use", {href: "#" + letter, "data-base": base, "data-value": value,
                       transform: "translate(" + x(base) + " " + place[0] + ") scale(" + each * 0.0095 + " " +
                                  place[1] + ")"});
    }
  } else {
    // Of the bases of one pixel the largest.
    const step = Math.max(1, Math.ceil(1 / each));
    let path = "";
    for (let base = from - from %% step; base < to; base += step) {
      let value = 0;
      for (let one = base; one < Math.min(base + step, to); one++) {
        if (Math.abs(track.values[one]) > Math.abs(value)) value = track.values[one];
      }
      if (value) path += "M" + x(base) + " " + zero + "v" + -value * scale + "h" + each * step + "v" + value * scale;
    }
    add(box, "path", {d: path, fill: "#336"});
  }
}

function drawAxis() {
  const size = end - start;
  let step = Math.pow(10, Math.floor(Math.log10(size / 5)));
  for (const times of [2, 2.5, 2]) if (size / step > 8) step *= times;
  step = Math.max(1, Math.round(step));
  const first = region.start + 1;
  add(drawing, "text", {x: 6, y: 14}, region.chrom + " (1-based)");
  for (let place = Math.ceil((start + first) / step) * step; place < end + first; place += step) {
    const at = x(place - first + 0.5);
    if (at < LEFT || at > LEFT + width()) continue;
    add(drawing, "line", {x1: at, x2: at, y1: 18, y2: 23, stroke: "#222"});
    // A number has room on either side, or none is written.
    if (at > LEFT + width() - 30) continue;
    add(drawing, "text", {x: at, y: 14, "text-anchor": "middle"}, place.toLocaleString("en"));
  }
}

function draw() {
  drawing.replaceChildren();
  const clip = add(drawing, "clipPath", {id: "inner"});
  add(clip, "rect", {x: LEFT, y: 0, width: width(), height: 100000});
  drawAxis();
  let top = TOP;
  for (const track of region.tracks) {
    drawTrack(drawing, track, top);
    top += TRACK;
    const below = add(drawing, "g", {"clip-path": "url(#inner)"});
    const seqlets = drawSpans(below, track.seqlets, top);
    top += seqlets * LANE * 0.5;
    top += drawSpans(below, track.hits, top) * LANE + 8;
  }
  svg.setAttribute("height", top);
  shown.textContent = region.chrom + ":" + (region.start + Math.floor(start) + 1).toLocaleString("en") + "\\u2013" +
    (region.start + Math.ceil(end)).toLocaleString("en");
}

function zoom(factor, at) {
  const size = (end - start) * factor;
  show(at - (at - start) * factor, at - (at - start) * factor + size);
}

regions.forEach((one, number) => {
  const item = document.createElement("option");
  item.value = number;
  item.textContent = (number + 1) + ". " + one.label;
  menu.appendChild(item);
});
if (regions.length) {
  menu.addEventListener("change", () => choose(Number(menu.value)));
  document.getElementById("closer").addEventListener("click", () => zoom(0.5, (start + end) / 2));
  document.getElementById("wider").addEventListener("click", () => zoom(2, (start + end) / 2));
  document.getElementById("whole").addEventListener("click", () => show(0, region.sequence.length));
  svg.addEventListener("wheel", event => {
    event.preventDefault();
    const at = start + (event.offsetX - LEFT) * (end - start) / width();
    zoom(event.deltaY > 0 ? 1.25 : 0.8, Math.min(Math.max(at, start), end));
  }, {passive: false});
  let held = null;
  svg.addEventListener("pointerdown", event => {
    held = [event.clientX, start, end];
    svg.setPointerCapture(event.pointerId);
  });
  svg.addEventListener("pointermove", event => {
    if (!held) return;
    const moved = (held[0] - event.clientX) * (held[2] - held[1]) / width();
    show(held[1] + moved, held[2] + moved);
  });
  svg.addEventListener("pointerup", () => { held = null; });
  window.addEventListener("resize", draw);
  choose(0);
} else {
  document.getElementById("controls").remove();
  svg.remove();
}
//]]>
</script>
</body>
</html>
"""
