import { useEffect, useRef } from 'preact/hooks';
import { Alert } from '../ui/controls.tsx';
import { Icon } from '../ui/icons.tsx';
import { cameraState, stopCamera, stream, toggleTorch, torch, watchVisibility } from './camera.ts';
import { hint, liveError, readPicture, seen, watchVideo } from './live.ts';
import { Overlay } from './overlay.tsx';
import { show } from './state.ts';
import { text } from './text.ts';

/** The camera's picture with what is found drawn over it. */
export function LiveView() {
  const video = useRef<HTMLVideoElement>(null);
  const words = text.value;
  useEffect(() => {
    const stopWatching = watchVisibility();
    return () => {
      stopWatching();
      stopCamera();
    };
  }, []);
  useEffect(() => follow(video.current!), [stream.value]);
  return (
    <section class="live" aria-label={words.live}>
      <div class="live-frame">
        <video ref={video} muted playsInline autoPlay />
        {seen.value && <Overlay reading={seen.value} />}
      </div>
      <p class="live-hint" role="status">
        {cameraState.value === 'asking' ? words.asking : words.hints[hint.value]}
      </p>
      {liveError.value && <Alert text={words.failed} detail={liveError.value} />}
      <div class="live-tools">
        {torch.value !== null && (
          <button type="button" class="button" aria-pressed={torch.value} onClick={() => void toggleTorch()}>
            <Icon name="torch" />
            {words.torch}
          </button>
        )}
        <button type="button" class="button primary" onClick={() => void capture(video.current!)}>
          <Icon name="camera" />
          {words.capture}
        </button>
        <button type="button" class="button" onClick={stopCamera}>
          <Icon name="close" />
          {words.stop}
        </button>
      </div>
    </section>
  );
}

/** Plays the stream and watches it; what is undone when another one comes. */
function follow(video: HTMLVideoElement): () => void {
  const watching = new AbortController();
  video.srcObject = stream.value;
  if (stream.value) {
    void video.play().catch(() => undefined);
    void watchVideo(video, watching).then((found) => found && capture(video));
  }
  return () => watching.abort();
}

/** Takes the picture as it is now, reads it, and turns the camera off. */
async function capture(video: HTMLVideoElement): Promise<void> {
  const { videoWidth: width, videoHeight: height } = video;
  if (width === 0) return;
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext('2d')!.drawImage(video, 0, 0);
  try {
    const result = await readPicture(await createImageBitmap(canvas));
    const blob = await canvas.convertToBlob({ type: 'image/jpeg', quality: 0.9 });
    stopCamera();
    show(blob, result);
  } catch (error) {
    liveError.value = error instanceof Error ? error.message : String(error);
  }
}
