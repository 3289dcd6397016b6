import { translated } from '../i18n/index.ts';

const en = {
  heading: 'Inside a network',
  lead: 'What each layer makes of an image, live; what it has learned; and which pixels matter.',
  model: 'Model',
  draw: 'Draw a digit, or choose a picture.',
  choose: 'Picture',
  camera: 'Camera',
  stopCamera: 'Stop the camera',
  cameraFailed: 'The camera cannot be used. Allow it in the browser’s settings, or choose a picture.',
  pictureFailed: 'This picture could not be read. Choose a PNG, JPEG or WebP file.',
  clear: 'Clear',
  input: 'Picture for the network',
  empty: 'Draw something or choose a picture: the layers appear here.',
  failed: 'The picture could not be put through the network.',
  answer: 'Answer',
  sure: (label: string, percent: string) => `${label}, ${percent} sure`,
  class: 'Look back from',
  theAnswer: 'The answer',
  views: { maps: 'Feature maps', filters: 'Filters', pixels: 'What mattered', histograms: 'Histograms' },
  layer: (count: number, size: string) => (count === 1 ? `1 map, ${size}` : `${count} maps, ${size}`),
  mapsAlt: (layer: string, count: number, size: string) =>
    `Layer ${layer}: ${count} feature maps of ${size} values`,
  seen: 'What the network saw',
  filterHint:
    'Kernels of the convolutions: what each output map looks for. The first layer of a network for colour pictures is shown in colour.',
  filtersAlt: (layer: string, count: number, size: string) => `Layer ${layer}: ${count} kernels of ${size}`,
  saliency: 'Input gradient',
  saliencyHint: (label: string) =>
    `Where a small change moves the score of “${label}” most (|∂score/∂pixel|).`,
  occlusion: 'Occlusion',
  occlusionHint: (label: string) =>
    `How far the probability of “${label}” falls when a patch is covered there.`,
  activations: 'Outputs of the layers',
  activationsHint:
    'How often each value occurs. Saturated or dead units show as peaks at the ends or at zero.',
  gradients: 'Gradients of the weights',
  gradientsHint:
    'Of the cross-entropy for the class above. Gradients that vanish towards the first layers are the trouble of deep plain networks.',
  histogramAlt: (name: string, low: string, high: string) => `Histogram of ${name}, from ${low} to ${high}`,
};

export type InsideText = typeof en;

const zh: InsideText = {
  heading: '网络内部',
  lead: '实时查看每一层如何处理图像、学到了什么，以及哪些像素起作用。',
  model: '模型',
  draw: '写一个数字，或选择图片。',
  choose: '图片',
  camera: '相机',
  stopCamera: '关闭相机',
  cameraFailed: '无法使用相机。请在浏览器设置中允许，或选择图片。',
  pictureFailed: '无法读取这张图片。请选择 PNG、JPEG 或 WebP 图片。',
  clear: '清除',
  input: '给网络的图像',
  empty: '写点什么或选择图片，各层会显示在这里。',
  failed: '无法让图像通过网络。',
  answer: '答案',
  sure: (label, percent) => `${label}，把握 ${percent}`,
  class: '从哪一类往回看',
  theAnswer: '答案',
  views: { maps: '特征图', filters: '卷积核', pixels: '关键像素', histograms: '直方图' },
  layer: (count, size) => `${count} 张，${size}`,
  mapsAlt: (layer, count, size) => `${layer} 层：${count} 张特征图，每张 ${size}`,
  seen: '网络看到的图像',
  filterHint: '卷积层的核：每张输出图在寻找什么。彩色网络的第一层以彩色显示。',
  filtersAlt: (layer, count, size) => `${layer} 层：${count} 个 ${size} 的核`,
  saliency: '输入梯度',
  saliencyHint: (label) => `哪里的微小变化最影响“${label}”的得分（|∂得分/∂像素|）。`,
  occlusion: '遮挡',
  occlusionHint: (label) => `遮住某处时，“${label}”的概率下降多少。`,
  activations: '各层的输出',
  activationsHint: '每个值出现的频率。饱和或失效的单元会在两端或零处形成尖峰。',
  gradients: '权重的梯度',
  gradientsHint: '上面所选类别的交叉熵的梯度。越靠近前层越小，正是很深的普通网络的困难。',
  histogramAlt: (name, low, high) => `${name} 的直方图，从 ${low} 到 ${high}`,
};

export const text = translated({ en, zh });
