/** What the address asks of a page: "#/inside?model=x". */
import { signal } from '@preact/signals';

const current = () => new URLSearchParams(location.hash.split('?')[1]);

export const query = signal(current());

export function followQuery(): void {
  query.value = current();
}
