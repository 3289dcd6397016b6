import { type Signal, useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import type { DataFile } from '../../workers/api.ts';

/** Takes what is dropped anywhere on the page while the component is shown; true while something hovers. */
export function useDrop(onDrop: (transfer: DataTransfer) => void): Signal<boolean> {
  const hovering = useSignal(false);
  const latest = useRef(onDrop);
  latest.current = onDrop;
  useEffect(() => {
    const over = () => {
      hovering.value = true;
    };
    const leave = (event: DragEvent) => {
      // Moving between elements leaves one and enters the next; only the window has no next.
      if (!event.relatedTarget) hovering.value = false;
    };
    const drop = (event: DragEvent) => {
      hovering.value = false;
      if (event.dataTransfer) latest.current(event.dataTransfer);
    };
    window.addEventListener('dragover', over);
    window.addEventListener('dragleave', leave);
    window.addEventListener('drop', drop);
    return () => {
      window.removeEventListener('dragover', over);
      window.removeEventListener('dragleave', leave);
      window.removeEventListener('drop', drop);
    };
  }, []);
  return hovering;
}

/** Chosen files with the folders they were in. */
export const withPaths = (files: readonly File[]): DataFile[] =>
  files.map((file) => ({ path: file.webkitRelativePath || file.name, file }));

/** All files among dropped things, folders walked through. */
export async function filesIn(transfer: DataTransfer): Promise<DataFile[]> {
  // Entries must be asked for before the first wait: the list is emptied then.
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry()).filter((e) => e !== null);
  return (await Promise.all(entries.map((e) => walk(e)))).flat();
}

async function walk(entry: FileSystemEntry): Promise<DataFile[]> {
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) =>
      (entry as FileSystemFileEntry).file(resolve, reject),
    );
    return [{ path: entry.fullPath.replace(/^\//, ''), file }];
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const found: DataFile[] = [];
  for (;;) {
    // A folder is told in parts; the empty one is the last.
    const part = await new Promise<FileSystemEntry[]>((resolve, reject) =>
      reader.readEntries(resolve, reject),
    );
    if (part.length === 0) return found;
    found.push(...(await Promise.all(part.map((e) => walk(e)))).flat());
  }
}
