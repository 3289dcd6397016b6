import type { FeatureMaps } from '../../workers/api.ts';
import { model } from '../engine.ts';
import { t } from '../i18n/index.ts';
import { MapGrid } from '../ui/maps.tsx';
import { prediction } from './recognise.ts';

const times = (width: number, height: number): string => `${width} × ${height}`;

/** What the network saw, and the feature maps of its layers as pictures. */
export function Features() {
  const text = t.value.digit;
  const found = prediction.value;
  return (
    <section class="inside" aria-labelledby="inside-heading">
      <h2 id="inside-heading">{text.inside}</h2>
      {found ? (
        <div class="layers">
          <Seen pixels={found.seen} />
          {found.features.map((maps) => (
            <Layer key={maps.layer} maps={maps} />
          ))}
        </div>
      ) : (
        <p class="quiet">{text.insideEmpty}</p>
      )}
    </section>
  );
}

function Seen({ pixels }: { pixels: Float32Array }) {
  const text = t.value.digit;
  const [, height, width] = model.value?.input ?? [1, 32, 32];
  const size = times(width, height);
  const maps: FeatureMaps = { layer: 'input', count: 1, width, height, maps: pixels };
  return (
    <figure class="layer seen">
      <figcaption>
        <strong>{text.seen}</strong>
        <span>{text.seenSize(size)}</span>
      </figcaption>
      <MapGrid maps={maps} columns={1} range={[0, 1]} alt={text.seenAlt(size)} />
    </figure>
  );
}

function Layer({ maps }: { maps: FeatureMaps }) {
  const text = t.value.digit;
  const size = times(maps.width, maps.height);
  const name = maps.layer.toUpperCase();
  const about = text.layers[name];
  return (
    <figure class="layer">
      <figcaption>
        <strong>{name}</strong>
        <span>{text.mapsSize(maps.count, size)}</span>
        {about && <span class="quiet">{about}</span>}
      </figcaption>
      <MapGrid
        maps={maps}
        columns={maps.count <= 8 ? maps.count : Math.ceil(maps.count / 2)}
        alt={text.mapsAlt(name, maps.count, size)}
      />
    </figure>
  );
}
