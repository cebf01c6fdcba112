// A chart of rows under each other, as an SVG that is complete in itself, so that it can be saved as it stands.
// Places come as shares of the plot's width; all that is known here of a chart is how wide it may be.

const NARROW = 480; // pixels: under that, labels stand above their rows
const pen = document.createElement("canvas").getContext("2d");

function draw(parent, name, attributes, text) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const key in attributes) element.setAttribute(key, attributes[key]);
  if (text !== undefined) element.textContent = text;
  parent.append(element);
  return element;
}

function widthOf(text, size, family, bold) {
  pen.font = `${bold ? 600 : 400} ${size}px ${family}`;
  return pen.measureText(text).width;
}

function cut(text, room, size, family, bold) {
  if (widthOf(text, size, family, bold) <= room) return text;
  const signs = Array.from(text); // no sign is cut in two
  let low = 0;
  let high = signs.length - 1;
  const shortened = (n) => `${signs.slice(0, n).join("").trimEnd()}…`;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (widthOf(shortened(middle), size, family, bold) <= room) low = middle;
    else high = middle - 1;
  }
  return shortened(low);
}

const MARKS = {
  dot: (at, y, colour) => ["circle", { cx: at, cy: y, r: 5.5, fill: colour }],
  ring: (at, y, colour, ink) => [
    "circle",
    { cx: at, cy: y, r: 4.5, fill: ink.background, stroke: colour, "stroke-width": 2 },
  ],
  diamond: (at, y, colour) => ["path", { d: `M${at} ${y - 7}l7 7-7 7-7-7z`, fill: colour }],
  "open-diamond": (at, y, colour, ink) => [
    "path",
    { d: `M${at} ${y - 6}l6 6-6 6-6-6z`, fill: ink.background, stroke: colour, "stroke-width": 1.5 },
  ],
};

function drawShape(group, shape, x, y, rowHeight, barHeight, ink) {
  const from = x(Math.min(shape.start, shape.end));
  const to = x(Math.max(shape.start, shape.end));
  const stroke = { stroke: shape.colour };
  let drawn;
  if (shape.form === "bar" || shape.form === "cell") {
    const height = shape.form === "bar" ? barHeight : barHeight + 6;
    const gap = shape.form === "cell" ? 1 : 0;
    const width = Math.max(to - from - gap, shape.form === "bar" ? 1 : 0);
    drawn = draw(group, "rect", { x: from, y: y - height / 2, width, height, fill: shape.colour });
  } else if (shape.form === "line") {
    drawn = draw(group, "line", { x1: from, x2: to, y1: y, y2: y, ...stroke, "stroke-width": 2 });
  } else if (shape.form === "whisker") {
    const d = `M${from} ${y - 4}v8M${from} ${y}H${to}M${to} ${y - 4}v8`;
    drawn = draw(group, "path", { d, fill: "none", ...stroke, "stroke-width": 1 });
  } else if (shape.form === "step") {
    drawn = draw(group, "line", { x1: from, x2: from, y1: y, y2: y + rowHeight, ...stroke, "stroke-dasharray": "1 3" });
  } else {
    drawn = draw(group, ...MARKS[shape.form](from, y, shape.colour, ink));
  }
  if (shape.tip) draw(drawn, "title", {}, shape.tip);
}

// Ticks' texts that would run into the one before them are left out.
function drawAxis(svg, chart, x, top, bottom, family) {
  const { ink } = chart;
  let taken = -Infinity;
  for (const [at, text] of chart.ticks) {
    if (chart.grid) draw(svg, "line", { x1: x(at), x2: x(at), y1: top, y2: bottom, stroke: ink.grid });
    const half = widthOf(text, 12, family) / 2;
    if (x(at) - half < taken + 4) continue;
    taken = x(at) + half;
    draw(svg, "text", { x: x(at), y: bottom + 16, "text-anchor": "middle", "font-size": 12, fill: ink.muted }, text);
  }
  const middle = { x: (x(0) + x(1)) / 2, y: bottom + 36, "text-anchor": "middle", "font-size": 13, fill: ink.muted };
  draw(svg, "text", middle, chart.axis);
}

function drawRow(svg, chart, row, place) {
  const { x, top, left, narrow, rowHeight, family } = place;
  const { ink } = chart;
  const group = draw(svg, "g", {});
  draw(group, "rect", { x: 0, y: top, width: place.width, height: rowHeight, fill: "transparent" }); // to hover over
  const y = narrow ? top + rowHeight - 12 : top + rowHeight / 2;
  const number = row.number ? ` ${row.number}` : "";
  const room = (narrow ? place.width - 4 : left - 12) - (number ? widthOf(number, 12, family) : 0);
  const name = cut(row.label, room, 12, family, row.bold);
  const tip = row.tip || (name === row.label ? "" : row.label); // what is cut is whole on hover
  if (tip) group.prepend(draw(group, "title", {}, tip));
  const label = draw(group, "text", {
    x: narrow ? 2 : left - 10,
    y: narrow ? top + 13 : y + 4,
    "text-anchor": narrow ? "start" : "end",
    "font-size": 12,
    "font-weight": row.bold ? 600 : 400,
    fill: ink.text,
  });
  draw(label, "tspan", {}, name);
  if (number) draw(label, "tspan", { fill: ink.muted }, number);
  row.shapes.forEach((shape) => drawShape(group, shape, x, y, rowHeight, narrow ? 14 : 18, ink));
  if (row.value) {
    const { at, text, colour, bold } = row.value;
    const written = { x: x(at) + 10, y: y + 4, "font-size": 12, "font-weight": bold ? 600 : 400, fill: colour };
    draw(group, "text", written, text);
  }
}

function chartSvg(chart, width, family) {
  const narrow = width < NARROW;
  const rowHeight = narrow ? 42 : 27;
  const wanted = Math.max(
    ...chart.rows.map((row) => widthOf(`${row.label} ${row.number}`, 12, family, row.bold)),
    0,
  );
  const left = narrow ? 8 : Math.min(wanted + 14, width * 0.42, 300);
  const top = 2;
  const bottom = top + rowHeight * chart.rows.length;
  const x = (share) => Math.round((left + share * (width - left - chart.room)) * 10) / 10;
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const size = { width, height: bottom + 44, viewBox: `0 0 ${width} ${bottom + 44}` };
  const said = { role: "img", "aria-label": chart.alt, "font-family": family };
  for (const [key, value] of Object.entries({ ...size, ...said })) svg.setAttribute(key, value);
  drawAxis(svg, chart, x, top, bottom, family);
  chart.rules.forEach(({ at, dash }) => {
    const line = { x1: x(at), x2: x(at), y1: top, y2: bottom, stroke: chart.ink.muted, "stroke-dasharray": dash };
    draw(svg, "line", line);
  });
  chart.rows.forEach((row, i) =>
    drawRow(svg, chart, row, { x, top: top + i * rowHeight, left, narrow, rowHeight, width, family }),
  );
  return svg;
}

function save(name, blob) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

function asSvg(svg, background) {
  const copy = svg.cloneNode(true);
  copy.setAttribute("style", `background:${background}`);
  return new XMLSerializer().serializeToString(copy);
}

function savePng(name, svg, background) {
  const picture = new Image();
  const scale = 2;
  picture.onload = () => {
    const canvas = document.createElement("canvas");
    canvas.width = scale * svg.width.baseVal.value;
    canvas.height = scale * svg.height.baseVal.value;
    const context = canvas.getContext("2d");
    context.fillStyle = background;
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.drawImage(picture, 0, 0, canvas.width, canvas.height);
    canvas.toBlob((blob) => save(name, blob));
  };
  picture.src = `data:image/svg+xml,${encodeURIComponent(asSvg(svg, background))}`;
}

function isNumber(text) {
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text);
}

function asCsv({ columns, rows }) {
  const cell = (value) => {
    let text = value === null ? "" : String(value);
    // A spreadsheet would run it as a formula; see dashboard/text/spreadsheets.py.
    if (typeof value === "string" && /^[=+\-@\t\r\n＝＋－＠]/.test(text) && !isNumber(text)) text = `'${text}`;
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const lines = [columns, ...rows].map((row) => row.map(cell).join(","));
  return new Blob([`\ufeff${lines.join("\n")}\n`], { type: "text/csv" }); // a spreadsheet reads other UTF-8 as Latin-1
}

function makeTable({ columns, rows }, about, lang) {
  const shown = new Intl.NumberFormat(lang, { maximumSignificantDigits: 4 });
  const table = make("table");
  table.setAttribute("aria-label", about);
  const head = make("tr");
  columns.forEach((name, i) => {
    const cell = make("th", rows.some((row) => typeof row[i] === "number") ? "number" : "", name);
    cell.scope = "col";
    head.append(cell);
  });
  const body = rows.map((row) => {
    const line = make("tr");
    row.forEach((value) => {
      const isNumber = typeof value === "number";
      line.append(make("td", isNumber ? "number" : "", value === null ? "–" : isNumber ? shown.format(value) : value));
    });
    return line;
  });
  table.append(make("thead"), make("tbody"));
  table.tHead.append(head);
  table.tBodies[0].append(...body);
  return table;
}

function makeTwin(chart, host, data) {
  const details = make("details");
  details.append(make("summary", "", data.words.table));
  const fill = () => {
    const frame = make("div", "frame");
    frame.tabIndex = 0; // a keyboard scrolls it too
    frame.setAttribute("role", "region");
    frame.setAttribute("aria-label", chart.alt);
    frame.append(makeTable(chart.table, chart.alt, data.lang));
    const buttons = make("div", "saves");
    const name = `tailscope-${chart.key.replaceAll("_", "-")}`;
    const svg = () => host.querySelector("svg");
    const ways = {
      csv: () => save(`${name}.csv`, asCsv(chart.table)),
      png: () => savePng(`${name}.png`, svg(), chart.ink.background),
      svg: () => save(`${name}.svg`, new Blob([asSvg(svg(), chart.ink.background)], { type: "image/svg+xml" })),
    };
    for (const [way, pressed] of Object.entries(ways)) {
      const button = make("button", "save", data.words[way]);
      button.type = "button";
      button.onclick = pressed;
      buttons.append(button);
    }
    details.append(frame, buttons);
  };
  details.ontoggle = () => {
    if (details.open && details.childElementCount === 1) fill();
  };
  return details;
}

function makeChart(chart, data) {
  const figure = make("div", "chart");
  figure.dataset.chart = chart.key;
  const host = make("div", "drawing");
  figure.append(host, makeTwin(chart, host, data));
  let width = 0;
  figure.redraw = () => {
    const room = Math.floor(host.clientWidth);
    if (!room || room === width) return;
    width = room;
    host.replaceChildren(chartSvg(chart, width, getComputedStyle(host).fontFamily));
  };
  new ResizeObserver(figure.redraw).observe(host);
  return figure;
}
