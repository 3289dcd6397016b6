import { type Signal, useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';

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
