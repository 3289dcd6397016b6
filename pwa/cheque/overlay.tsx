import type { ChequeReading, Point } from '../../workers/cheque-api.ts';

const outline = (points: readonly Point[]): string => points.map((p) => `${p.x},${p.y}`).join(' ');

/** Cheque, amount box and digits in the picture's own pixels; the text below says the same in words. */
export function Overlay({ reading }: { reading: ChequeReading }) {
  const { width, height, cheque, box, amount } = reading;
  const top = box && Math.min(...box.map((p) => p.y));
  const left = box && Math.min(...box.map((p) => p.x));
  return (
    <svg class="overlay" viewBox={`0 0 ${width} ${height}`} aria-hidden="true" focusable="false">
      {cheque && <polygon class="overlay-cheque" points={outline(cheque)} />}
      {box && <polygon class="overlay-box" data-accepted={amount?.accepted ?? false} points={outline(box)} />}
      {amount?.marks.map(({ sure, outline: [, , right, left] }, i) => (
        <line
          key={i}
          class="overlay-mark"
          data-sure={sure}
          {...{ x1: left!.x, y1: left!.y, x2: right!.x, y2: right!.y }}
        />
      ))}
      {box && amount && (
        <text x={left ?? 0} y={(top ?? 0) - height * 0.015} font-size={height * 0.055}>
          {amount.text}
        </text>
      )}
    </svg>
  );
}
