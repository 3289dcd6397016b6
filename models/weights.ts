/** Where the shipped weights are; bundlers turn each into an asset, so the paths must be literal. */
export const weightsUrls: Readonly<Record<string, URL>> = {
  'lenet5-modern': new URL('./lenet5-modern.safetensors', import.meta.url),
  lenet5: new URL('./lenet5.safetensors', import.meta.url),
};
