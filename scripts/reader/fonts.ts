/**
 * Digits of handwriting fonts: hands that no set of digits has. The fonts (SIL Open Font Licence, Apache License 2.0) come
 * from npm when the reader is trained and lie in build/fonts; nothing of them is part of the project.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import sharp from 'sharp';
import { DIGITS, type ImageSet } from '../../src/data/dataset.ts';

const FOLDER = resolve('build/fonts');
const VERSION = '5.3.0';
const PARSER = 'opentype.js@2.0.0';

/** Families of @fontsource that look written, not drawn or printed. */
const FAMILIES = `
aguafina-script alex-brush allison allura annie-use-your-telescope architects-daughter arizonia
babylonica bad-script beth-ellen bilbo bilbo-swash-caps birthstone-bounce bonheur-royale butterfly-kids
calligraffitti caramel caveat cedarville-cursive chilanka clicker-script comforter-brush coming-soon
cookie covered-by-your-grace crafty-girls damion dancing-script dawning-of-a-new-day dekko
delicious-handrawn delius east-sea-dokdo edu-nsw-act-foundation edu-tas-beginner ephesis felipa fuggles
fuzzy-bubbles gaegu gamja-flower give-you-glory gloria-hallelujah gochi-hand grape-nuts great-vibes
grechen-fuemen gwendolyn hachi-maru-pop handlee herr-von-muellerhoff hi-melody homemade-apple hurricane
indie-flower italianno just-another-hand just-me-again-down-here kalam kapakana kaushan-script kings
klee-one kolker-brush kristi la-belle-aurore licorice liu-jian-mao-cao long-cang loved-by-the-king
lovers-quarrel mali mansalva marck-script mea-culpa meddon meow-script merienda monsieur-la-doulaise
montez mr-bedfort mr-dafoe mr-de-haviland mrs-saint-delafield ms-madi mynerve nanum-brush-script
nanum-pen-script neucha nothing-you-could-do oooh-baby over-the-rainbow pangolin parisienne patrick-hand
permanent-marker pinyon-script playwrite-br playwrite-ca playwrite-co playwrite-cz playwrite-de-grund
playwrite-dk-loopet playwrite-es playwrite-fr-moderne playwrite-fr-trad playwrite-hr playwrite-hu
playwrite-in playwrite-is playwrite-it-trad playwrite-mx playwrite-nl playwrite-us-trad poor-story
reenie-beanie rock-salt romanesco rouge-script ruthie sacramento sassy-frass satisfy schoolbell
seaweed-script sedgwick-ave send-flowers shadows-into-light shadows-into-light-two short-stack smooch
splash square-peg sriracha stalemate sue-ellen-francisco sunshiney swanky-and-moo-moo tangerine
the-girl-next-door twinkle-star unkempt vibur vujahday-script waiting-for-the-sunrise walter-turncoat
water-brush whisper yellowtail yesteryear yomogi zen-kurenaido zeyada zhi-mang-xing
`
  .trim()
  .split(/\s+/);

/** Side of an image, height of the tallest digit of a font in it, and the margin around it. */
const SIDE = 40;
export const FONT_DIGIT = 36;
/** Widths that each outline is drawn with besides its own, as shares of the digit's height: pens. */
const PENS = [0, 0.04, 0.08];

/** What is used of opentype.js, which brings no types. */
interface Opentype {
  parse(file: ArrayBuffer): { charToGlyph(c: string): Glyph };
}
interface Glyph {
  getPath(x: number, y: number, size: number): Outline;
}
interface Outline {
  getBoundingBox(): { x1: number; y1: number; x2: number; y2: number };
  toPathData(decimals: number): string;
}

/** The fonts' digits, each in three widths of the pen; the first call fetches the fonts. */
export async function fontDigits(): Promise<ImageSet> {
  install();
  const opentype = createRequire(join(FOLDER, 'package.json'))('opentype.js') as Opentype;
  const labels: number[] = [];
  const images: Buffer[] = [];
  for (const family of FAMILIES) {
    const folder = join(FOLDER, 'node_modules/@fontsource', family, 'files');
    const name = `${family}-latin-400-normal.woff`;
    if (!readdirSync(folder).includes(name)) throw new Error(`${folder} has no ${name}.`);
    const font = opentype.parse(new Uint8Array(readFileSync(join(folder, name))).buffer);
    const outlines = DIGITS.map((digit) => font.charToGlyph(digit).getPath(0, 0, 100));
    const boxes = outlines.map((outline) => outline.getBoundingBox());
    const tallest = Math.max(...boxes.map(({ y1, y2 }) => y2 - y1));
    for (const pen of PENS) {
      for (const [i, { x1, x2, y1, y2 }] of boxes.entries()) {
        const scale = FONT_DIGIT / Math.max(tallest, x2 - x1) / (1 + pen);
        const [x, y] = [SIDE / 2 - (scale * (x1 + x2)) / 2, SIDE / 2 - (scale * (y1 + y2)) / 2];
        images.push(await raster(outlines[i].toPathData(2), x, y, scale, (pen * FONT_DIGIT) / scale));
        labels.push(i);
      }
    }
  }
  return {
    count: labels.length,
    channels: 1,
    height: SIDE,
    width: SIDE,
    pixels: new Uint8Array(Buffer.concat(images)),
    labels: Uint8Array.from(labels),
    classes: DIGITS,
  };
}

function install(): void {
  const packages = [PARSER, ...FAMILIES.map((family) => `@fontsource/${family}@${VERSION}`)];
  const manifest = join(FOLDER, 'package.json');
  if (existsSync(join(FOLDER, 'node_modules/opentype.js'))) return;
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(manifest, '{ "private": true }\n');
  execFileSync('npm', ['install', '--no-save', '--ignore-scripts', '--prefix', FOLDER, ...packages], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}

/** White on black, SIDE × SIDE. */
function raster(path: string, x: number, y: number, scale: number, pen: number): Promise<Buffer> {
  const drawn = `<path transform="translate(${x} ${y}) scale(${scale})" d="${path}" fill="white" stroke="white" stroke-width="${pen}" stroke-linejoin="round"/>`;
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${SIDE}" height="${SIDE}"><rect width="100%" height="100%"/>${drawn}</svg>`;
  return sharp(Buffer.from(svg)).toColourspace('b-w').extractChannel(0).raw().toBuffer();
}
