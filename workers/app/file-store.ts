/** Files by name, wherever they are kept. Types only. */
export interface FileStore {
  /** The bytes of a file, null when there is none. */
  read(name: string): Promise<Uint8Array<ArrayBuffer> | null>;
  /** Replaces a file by the parts one after the other; what a crash leaves of it is told by no one. */
  write(name: string, ...parts: readonly Uint8Array<ArrayBuffer>[]): Promise<void>;
  remove(name: string): Promise<void>;
  names(): Promise<string[]>;
}
