import type { DataSummary } from '../../workers/api.ts';
import { number } from '../i18n/index.ts';
import { text } from './text.ts';

/** How many images a data set has, of how many classes. */
export function SetFacts({ of: { train, validation, classes } }: { of: DataSummary }) {
  return (
    <p class="quiet" data-testid="set-facts">
      {text.value.setFacts(number(train), number(validation), number(classes.length))}
    </p>
  );
}
