/** Where the shipped weights are; bundlers turn each into an asset, so the paths must be literal. */
export const weightsUrls: Readonly<Record<string, URL>> = {
  'lenet5-modern': new URL('./lenet5-modern.safetensors', import.meta.url),
  lenet5: new URL('./lenet5.safetensors', import.meta.url),
  'cifar-resnet20': new URL('./cifar-resnet20.safetensors', import.meta.url),
};

/** Shares of the 10,000 test images of MNIST or CIFAR-10 that the shipped weights get right (models/README.md). */
export const shippedAccuracy: Readonly<Record<string, number>> = {
  'lenet5-modern': 0.9938,
  lenet5: 0.9953,
  'cifar-resnet20': 0.8359,
};

/** The reader of amounts, `chequeReader`. */
export const readerWeightsUrl = new URL('./cheque-reader.safetensors', import.meta.url);
