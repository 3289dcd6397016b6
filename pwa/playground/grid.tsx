import { useId } from 'preact/hooks';
import { number } from '../i18n/index.ts';
import { text } from './text.ts';

export type Mark = 'window' | 'winner' | 'picked';

interface NumbersProps {
  readonly name: string;
  readonly values: Float32Array;
  readonly side: number;
  readonly marks?: ReadonlyMap<number, Mark>;
  /** The cell that keys act on; with it the grid can be focused. */
  readonly active?: number;
  readonly onMove?: (at: number) => void;
  /** Pressed, or + and − typed: the cell and the change. */
  readonly onChange?: (at: number, by: 1 | -1) => void;
}

const MOVES: Readonly<Record<string, readonly [number, number]>> = {
  ArrowUp: [-1, 0],
  ArrowDown: [1, 0],
  ArrowLeft: [0, -1],
  ArrowRight: [0, 1],
};

/** Cells a row that fit a phone. */
const MOST_FITTING = 10;

/** Values to 11 steps of shade, −5 … 5. */
function shadeOf(value: number, most: number): number {
  return most > 0 ? Math.round((5 * value) / most) : 0;
}

/** A square of numbers: shaded by value, and where asked for, moved about in and changed. */
export function Numbers({ name, values, side, marks, active, onMove, onChange }: NumbersProps) {
  const id = useId();
  const most = values.reduce((m, v) => Math.max(m, Math.abs(v)), 0);
  const live = active !== undefined;
  const keys = (event: KeyboardEvent) => {
    const at = active ?? 0;
    const move = MOVES[event.key];
    const by = event.key === '-' ? -1 : /^(\+|=|Enter| )$/.test(event.key) ? 1 : null;
    if (!move && (by === null || !onChange)) return;
    event.preventDefault();
    if (move) {
      const [row, column] = [Math.floor(at / side) + move[0], (at % side) + move[1]];
      if (row >= 0 && row < side && column >= 0 && column < side) onMove?.(row * side + column);
    } else onChange?.(at, by as 1 | -1);
  };
  return (
    <figure class="numbers" style={{ '--side': side }}>
      <figcaption>{name}</figcaption>
      {/* A region that scrolls is reached by keyboard: through its grid, or itself. */}
      <div
        class="scroll-x"
        {...(side > MOST_FITTING && !live ? { tabIndex: 0, role: 'group', 'aria-label': name } : {})}
      >
        <table
          {...(live
            ? { role: 'grid', tabIndex: 0, 'aria-activedescendant': `${id}-${active}`, onKeyDown: keys }
            : {})}
          aria-label={name}
        >
          <tbody>
            {Array.from({ length: side }, (_, row) => (
              <tr key={row}>
                {[...values.subarray(row * side, (row + 1) * side)].map((v, column) => {
                  const at = row * side + column;
                  return (
                    <td
                      key={column}
                      id={`${id}-${at}`}
                      data-shade={shadeOf(v, most)}
                      data-mark={marks?.get(at)}
                      data-active={at === active}
                      {...(live
                        ? {
                            role: 'gridcell',
                            'aria-label': text.value.cell(row + 1, column + 1, number(v, 2)),
                            'aria-selected': at === active,
                            onPointerDown: () => {
                              onMove?.(at);
                              onChange?.(at, 1);
                            },
                          }
                        : {})}
                    >
                      {number(v, 2)}
                    </td>
                  );
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </figure>
  );
}
