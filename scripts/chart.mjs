// A line chart as SVG text, readable on light and dark pages.
const SIZE = { width: 720, height: 440, left: 56, right: 190, top: 44, bottom: 48 };

/** Steps of 1, 2 or 5 times a power of ten: about `count` of them. */
function ticks(low, high, count) {
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough);
  const first = Math.ceil(low / step);
  return Array.from(
    { length: Math.floor(high / step) - first + 1 },
    (_, i) => +((first + i) * step).toPrecision(12),
  );
}

/** lines: { label, colour, dashed?, points: [x, y][] }[]; the y axis starts at 0. */
export function chart({ title, x, y, lines }) {
  const { width, height, left, right, top, bottom } = SIZE;
  const all = lines.flatMap((line) => line.points);
  const xs = all.map(([px]) => px);
  const [x0, x1] = [Math.min(...xs), Math.max(...xs, Math.min(...xs) + 1)];
  const y1 = Math.max(...all.map(([, py]) => py)) * 1.05;
  const X = (v) => (left + ((v - x0) / (x1 - x0)) * (width - left - right)).toFixed(1);
  const Y = (v) => (height - bottom - (v / y1) * (height - top - bottom)).toFixed(1);
  const text = (px, py, s, more = '') => `<text x="${px}" y="${py}" ${more}>${s}</text>`;
  const grid = ticks(0, y1, 6).map(
    (v) =>
      `<path d="M${left} ${Y(v)}H${width - right}" stroke="#8884"/>` +
      text(left - 8, +Y(v) + 4, v, 'text-anchor="end"'),
  );
  const marks = ticks(x0, x1, 8).map((v) => text(X(v), height - bottom + 18, v, 'text-anchor="middle"'));
  const curves = lines.map(
    ({ colour, dashed, points }) =>
      `<polyline fill="none" stroke="${colour}" stroke-width="2"${dashed ? ' stroke-dasharray="5 4"' : ''} ` +
      `points="${points.map(([px, py]) => `${X(px)},${Y(py)}`).join(' ')}"/>`,
  );
  const legend = lines.map(({ label, colour, dashed }, i) => {
    const at = top + 8 + 20 * i;
    const from = width - right + 12;
    const dash = dashed ? ' stroke-dasharray="5 4"' : '';
    return `<path d="M${from} ${at}h24" stroke="${colour}" stroke-width="2"${dash}/>${text(from + 30, at + 4, label)}`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12" fill="#888" role="img" aria-label="${title}">
${text(left, 24, title, 'font-size="15"')}
${[...grid, ...marks, ...curves, ...legend].join('\n')}
${text((left + width - right) / 2, height - 10, x, 'text-anchor="middle"')}
${text(14, top - 8, y)}
</svg>
`;
}
