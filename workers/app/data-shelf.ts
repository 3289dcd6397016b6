/** The user's data sets: imported files, and pictures taken by class. */
import { check } from '../../src/core/error.ts';
import { concat, type ImageSet, imageSize } from '../../src/data/dataset.ts';
import type { DataFile, DataSummary, OwnPictures } from '../api.ts';
import { type DataParts, decodeData, encodeData } from './data-file.ts';
import { type Library, newId } from './library.ts';
import { PICTURE_SIDE } from './pictures.ts';

const PICTURE_BYTES = 3 * PICTURE_SIDE ** 2;

export class DataShelf {
  constructor(private readonly library: Promise<Library>) {}

  async list(): Promise<readonly DataSummary[]> {
    return (await (await this.library).list()).data;
  }

  /** @throws LensletError 'format' for files that hold no data set */
  async importFiles(
    title: string,
    files: readonly DataFile[],
    onProgress: (share: number) => void,
  ): Promise<DataSummary> {
    const { importData } = await import('./import-data.ts');
    return this.#save(newId(), title, 'files', await importData(files, onProgress));
  }

  /** Pictures by class, in their order; a fifth of them measures. @throws LensletError 'value' for too few */
  async saveOwn(id: string | null, title: string, { classes }: OwnPictures): Promise<DataSummary> {
    const { pictureSet, withValidation } = await import('./import-data.ts');
    const counts = classes.map((c) => c.pixels.length / PICTURE_BYTES);
    check(
      counts.filter((n) => n > 0).length > 1,
      'value',
      () => 'Take pictures of two classes at least: a network learns by telling them apart.',
    );
    const pixels = new Uint8Array(
      await new Blob(classes.map((c) => c.pixels as Uint8Array<ArrayBuffer>)).arrayBuffer(),
    );
    const labels = Int32Array.from(counts.flatMap((n, label) => new Array<number>(n).fill(label)));
    const names = classes.map((c) => c.name);
    return this.#save(id ?? newId(), title, 'own', withValidation(pictureSet(pixels, labels, names), null));
  }

  /** Instead of the sets cut out before, but for those that an unfinished run goes on with. */
  async saveChequeDigits(title: string, digits: ImageSet): Promise<DataSummary> {
    const { withValidation } = await import('./import-data.ts');
    const { data, runs } = await (await this.library).list();
    const needed = new Set(runs.map(({ options }) => options.data.kind === 'stored' && options.data.id));
    for (const { id, source } of data) if (source === 'cheques' && !needed.has(id)) await this.remove(id);
    return this.#save(newId(), title, 'cheques', withValidation(digits, null));
  }

  /** The pictures of a set that the user took. */
  async own(id: string): Promise<OwnPictures> {
    const { train, validation } = decodeData(await (await this.library).bytes(`data-${id}`));
    const all = validation ? concat([train, validation]) : train;
    const size = imageSize(all);
    return {
      classes: all.classes.map((name, label) => {
        const places = [...all.labels.keys()].filter((i) => all.labels[i] === label);
        const pixels = new Uint8Array(places.length * size);
        places.forEach((place, i) => {
          pixels.set(all.pixels.subarray(place * size, (place + 1) * size), i * size);
        });
        return { name, pixels };
      }),
    };
  }

  async remove(id: string): Promise<void> {
    const library = await this.library;
    await library.change((list) => ({ ...list, data: list.data.filter((d) => d.id !== id) }));
    await library.files.remove(`data-${id}`);
  }

  async #save(
    id: string,
    title: string,
    source: DataSummary['source'],
    parts: DataParts,
  ): Promise<DataSummary> {
    const library = await this.library;
    const { train, validation } = parts;
    const encoded = encodeData(parts);
    await library.files.write(`data-${id}`, ...encoded);
    const summary: DataSummary = {
      ...{ id, title, source },
      train: train.count,
      validation: validation?.count ?? 0,
      shape: [train.channels, train.height, train.width],
      classes: train.classes,
      bytes: encoded.reduce((sum, part) => sum + part.length, 0),
      created: Date.now(),
    };
    await library.change((list) => ({ ...list, data: [...list.data.filter((d) => d.id !== id), summary] }));
    return summary;
  }
}
