/** Where the shipped weights are; bundlers turn each into an asset, so the paths must be literal. */
export const weightsUrls: Readonly<Record<string, URL>> = {
  'lenet5-modern': new URL('./lenet5-modern.safetensors', import.meta.url),
  lenet5: new URL('./lenet5.safetensors', import.meta.url),
  'cifar-resnet20': new URL('./cifar-resnet20.safetensors', import.meta.url),
};

/** What share of a test set's 10,000 images the shipped weights get right (models/README.md). */
export const shippedAccuracy: Readonly<
  Record<string, { readonly accuracy: number; readonly measuredOn: string }>
> = {
  'lenet5-modern': { accuracy: 0.9938, measuredOn: 'MNIST' },
  lenet5: { accuracy: 0.9953, measuredOn: 'MNIST' },
  'cifar-resnet20': { accuracy: 0.8806, measuredOn: 'CIFAR-10' },
};

/** The reader of amounts, `chequeReader`. */
export const readerWeightsUrl = new URL('./cheque-reader.safetensors', import.meta.url);
