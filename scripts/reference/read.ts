/** Where the cases come from: the files of a folder by name, whoever has them. */
export type Read = (name: string) => Promise<Uint8Array>;

export const readJson = async <T>(read: Read, name: string): Promise<T> =>
  JSON.parse(new TextDecoder().decode(await read(name))) as T;
