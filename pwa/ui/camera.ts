import { type Signal, useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';

export interface Camera {
  readonly on: Signal<boolean>;
  readonly failed: Signal<boolean>;
  toggle(): void;
}

/** The camera's picture in a video element; off when the component goes or the page is hidden. */
export function useCamera(video: { readonly current: HTMLVideoElement | null }): Camera {
  const on = useSignal(false);
  const failed = useSignal(false);
  const stream = useRef<MediaStream | null>(null);
  const stop = () => {
    for (const track of stream.current?.getTracks() ?? []) track.stop();
    stream.current = null;
    on.value = false;
  };
  const start = async () => {
    failed.value = false;
    try {
      const wish = { facingMode: { ideal: 'environment' }, width: { ideal: 640 }, height: { ideal: 640 } };
      stream.current = await navigator.mediaDevices.getUserMedia({ video: wish, audio: false });
      on.value = true;
    } catch {
      failed.value = true;
    }
  };
  useEffect(() => {
    if (video.current) video.current.srcObject = stream.current;
  }, [on.value]);
  useEffect(() => {
    const hide = () => document.visibilityState === 'hidden' && stop();
    document.addEventListener('visibilitychange', hide);
    return () => {
      document.removeEventListener('visibilitychange', hide);
      stop();
    };
  }, []);
  return { on, failed, toggle: () => (on.value ? stop() : void start()) };
}

/** The square in the middle of something that can be drawn, transparent parts white, side × side pixels. */
export function squareOf(source: CanvasImageSource, width: number, height: number, to: number): ImageData {
  const canvas = document.createElement('canvas');
  canvas.width = canvas.height = to;
  const context = canvas.getContext('2d', { willReadFrequently: true })!;
  const side = Math.min(width, height);
  context.imageSmoothingQuality = 'high';
  context.fillStyle = '#fff';
  context.fillRect(0, 0, to, to);
  context.drawImage(source, (width - side) / 2, (height - side) / 2, side, side, 0, 0, to, to);
  return context.getImageData(0, 0, to, to);
}
