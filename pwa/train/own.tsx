import { useEffect, useRef } from 'preact/hooks';
import { PICTURE_SIDE } from '../../workers/app/pictures.ts';
import { useCamera } from '../ui/camera.ts';
import { Alert, FileButton, Select } from '../ui/controls.tsx';
import { Icon } from '../ui/icons.tsx';
import { paintPlanes } from '../ui/paint.ts';
import { setsFrom } from './data.ts';
import * as own from './own-state.ts';
import { unsaved } from './status.ts';
import { text } from './text.ts';

/** Time between two pictures while the button is held. */
const REPEAT_MS = 180;
const SHOWN = 5;

/** Name classes, take pictures of each. */
export function OwnClasses() {
  const words = text.value.own;
  const video = useRef<HTMLVideoElement>(null);
  const camera = useCamera(video);
  const sets = setsFrom('own');
  return (
    <div class="own">
      {sets.length > 0 && (
        <Select
          label={words.set}
          value={own.setId.value ?? ''}
          options={[['', words.fresh], ...sets.map((s) => [s.id, s.title] as const)]}
          onChange={(id) => void own.open(id || null)}
        />
      )}
      <p class="quiet">{words.hint}</p>
      {camera.on.value ? (
        <div class="viewfinder">
          <video ref={video} autoplay muted playsInline aria-label={words.video} />
          <button type="button" class="button" onClick={camera.toggle}>
            {words.stopCamera}
          </button>
        </div>
      ) : (
        <button type="button" class="button" onClick={camera.toggle}>
          <Icon name="camera" />
          {words.camera}
        </button>
      )}
      {camera.failed.value && <Alert text={words.cameraFailed} />}
      <ol class="own-classes">
        {own.classes.value.map((c, i) => (
          <OwnClass key={i} at={i} of={c} video={camera.on.value ? video : null} />
        ))}
      </ol>
      <button type="button" class="button" onClick={own.addClass}>
        <Icon name="add" />
        {words.addClass}
      </button>
      {own.problem.value && <Alert text={words.tooFew} detail={own.problem.value} />}
      {own.setId.value && (
        <p class="quiet" role="status">
          {unsaved.value ? words.saving : words.saved}
        </p>
      )}
    </div>
  );
}

interface OwnClassProps {
  readonly at: number;
  readonly of: own.OwnClass;
  /** null while the camera is off. */
  readonly video: { readonly current: HTMLVideoElement | null } | null;
}

function OwnClass({ at, of: { name, pictures }, video }: OwnClassProps) {
  const words = text.value.own;
  return (
    <li class="own-class">
      <div class="own-name">
        <input
          type="text"
          aria-label={words.name(at + 1)}
          value={name}
          maxLength={40}
          onInput={(event) => own.rename(at, event.currentTarget.value)}
        />
        {own.classes.value.length > 2 && (
          <button
            type="button"
            class="button icon-only"
            aria-label={words.removeClass(name)}
            onClick={() => own.removeClass(at)}
          >
            <Icon name="clear" />
          </button>
        )}
      </div>
      <div class="own-pictures">
        <span class="own-count" data-testid={`pictures-${at}`}>
          {words.pictures(pictures.length)}
        </span>
        <span class="thumbs" aria-hidden="true">
          {pictures.slice(-SHOWN).map((p, i) => (
            <Thumb key={pictures.length - i} planes={p} />
          ))}
        </span>
      </div>
      <div class="buttons">
        {video && <Shutter name={name} take={() => video.current && own.takePicture(at, video.current)} />}
        <FileButton
          name={`pictures-${at}`}
          accept="image/*"
          multiple
          label={words.addPictures(name)}
          onFiles={(files) => void own.addFiles(at, files)}
        >
          <Icon name="picture" />
          {words.files}
        </FileButton>
        {pictures.length > 0 && (
          <button
            type="button"
            class="button icon-only"
            aria-label={words.dropLast(name)}
            onClick={() => own.dropLast(at)}
          >
            <Icon name="undo" />
          </button>
        )}
      </div>
    </li>
  );
}

/** A picture at once, and more while it is held; with the keyboard one a press, or as the key repeats. */
function Shutter({ name, take }: { name: string; take: () => void }) {
  const timer = useRef(0);
  const end = () => clearInterval(timer.current);
  useEffect(() => end, []);
  return (
    <button
      type="button"
      class="button primary shutter"
      aria-label={text.value.own.take(name)}
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId);
        take();
        timer.current = window.setInterval(take, REPEAT_MS);
      }}
      onPointerUp={end}
      onPointerCancel={end}
      onKeyDown={(event) => {
        if (event.key !== 'Enter' && event.key !== ' ') return;
        event.preventDefault();
        take();
      }}
    >
      <Icon name="camera" />
    </button>
  );
}

function Thumb({ planes }: { planes: Uint8Array }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => paintPlanes(canvas.current!, planes, [3, PICTURE_SIDE, PICTURE_SIDE]), [planes]);
  return <canvas class="thumb" ref={canvas} />;
}
