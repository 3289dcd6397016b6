/** The camera: asked for once, the one at the back preferred, off while nobody looks. */
import { signal } from '@preact/signals';

export type CameraState = 'off' | 'asking' | 'on' | 'hidden';
/** denied: by the user or the page's policy; none: no camera; busy: another program has it; lost: taken away. */
export type CameraProblem = 'denied' | 'none' | 'busy' | 'lost' | 'unsupported';

export const cameraState = signal<CameraState>('off');
export const cameraProblem = signal<CameraProblem | null>(null);
export const stream = signal<MediaStream | null>(null);
/** Whether the torch burns; null where there is none. */
export const torch = signal<boolean | null>(null);

const WISHES: MediaStreamConstraints = {
  audio: false,
  video: { facingMode: { ideal: 'environment' }, width: { ideal: 1920 }, height: { ideal: 1080 } },
};

const PROBLEMS: Readonly<Record<string, CameraProblem>> = {
  NotAllowedError: 'denied',
  SecurityError: 'denied',
  NotFoundError: 'none',
  OverconstrainedError: 'none',
  NotReadableError: 'busy',
  AbortError: 'busy',
};

/** Asks for the camera; what goes wrong is in `cameraProblem`. */
export async function startCamera(): Promise<void> {
  if (stream.value) return;
  cameraProblem.value = null;
  if (!navigator.mediaDevices?.getUserMedia) {
    cameraProblem.value = 'unsupported';
    return;
  }
  cameraState.value = 'asking';
  try {
    const found = await navigator.mediaDevices.getUserMedia(WISHES);
    // The page was left, or hidden, while the question stood.
    if (cameraState.value !== 'asking') return end(found);
    take(found);
  } catch (error) {
    cameraState.value = 'off';
    cameraProblem.value = PROBLEMS[(error as DOMException).name] ?? 'busy';
  }
}

export function stopCamera(): void {
  release();
  cameraState.value = 'off';
}

function take(found: MediaStream): void {
  const [track] = found.getVideoTracks();
  track?.addEventListener('ended', () => {
    if (stream.value !== found) return;
    stopCamera();
    cameraProblem.value = 'lost';
  });
  const able = track?.getCapabilities?.() as { torch?: boolean } | undefined;
  torch.value = able?.torch ? false : null;
  stream.value = found;
  cameraState.value = 'on';
}

function release(): void {
  if (stream.value) end(stream.value);
  stream.value = null;
  torch.value = null;
}

const end = (found: MediaStream): void => {
  for (const track of found.getTracks()) track.stop();
};

export async function toggleTorch(): Promise<void> {
  const [track] = stream.value?.getVideoTracks() ?? [];
  const on = !torch.value;
  // "torch" is part of the image-capture specification, not of the DOM's types.
  const wish = { advanced: [{ torch: on } as MediaTrackConstraintSet] };
  await track?.applyConstraints(wish).catch(() => undefined);
  torch.value = on;
}

/** Off when the page is hidden, on again when it comes back. Returns what undoes it. */
export function watchVisibility(): () => void {
  const change = () => {
    const { value } = cameraState;
    if (document.hidden && (value === 'on' || value === 'asking')) {
      release();
      cameraState.value = 'hidden';
    } else if (!document.hidden && value === 'hidden') void startCamera();
  };
  document.addEventListener('visibilitychange', change);
  return () => document.removeEventListener('visibilitychange', change);
}
