/** Line icons on a 24 × 24 grid; always beside or instead of a text that names them. */
const paths = {
  digit: 'M4 20h16M7 16.5 6.5 17 7 13.5 16 4.5a1.8 1.8 0 0 1 3 3L10 16z',
  train: 'M4 4v16h16M7 14l4-5 3 3 5-7',
  device: 'M7 7h10v10H7zM10 3v4M14 3v4M10 17v4M14 17v4M3 10h4M3 14h4M17 10h4M17 14h4',
  models: 'M4 5h16v5H4zM4 14h16v5H4zM8 7.5h.01M8 16.5h.01',
  inside:
    'M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12z',
  playground: 'M4 4h16v16H4zM4 9.3h16M4 14.6h16M9.3 4v16M14.6 4v16',
  add: 'M12 5v14M5 12h14',
  edit: 'M4 20h4L19 9l-4-4L4 16z',
  upload: 'M12 16V5M7 9.5l5-5 5 5M4.5 20h15',
  check: 'M5 12.5l4.5 4.5L19 7.5',
  cheque: 'M3 6h18v12H3zM6 10h6M6 14h4M14.5 9.5h4v3h-4z',
  torch: 'M8 3h8l-1.5 5H14v13h-4V8h-.5zM12 11.5v2',
  undo: 'M9 7 4.5 11.5 9 16M5 11.5h9a5 5 0 0 1 0 10h-3',
  clear: 'M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13M10 11v5M14 11v5',
  picture: 'M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M15.5 9.5h.01',
  camera: 'M4 8h4l1.5-3h5L16 8h4v11H4zM12 16.5a3.2 3.2 0 1 0 0-6.4 3.2 3.2 0 0 0 0 6.4z',
  moon: 'M20 14.5A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.5z',
  sun: 'M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM12 2.5v2M12 19.5v2M2.5 12h2M19.5 12h2M5.3 5.3l1.4 1.4M17.3 17.3l1.4 1.4M5.3 18.7l1.4-1.4M17.3 6.7l1.4-1.4',
  play: 'M7 4.5v15l12-7.5z',
  pause: 'M8 5v14M16 5v14',
  stop: 'M6 6h12v12H6z',
  download: 'M12 4v11M7 10.5l5 5 5-5M4.5 20h15',
  close: 'M6 6l12 12M18 6 6 18',
  alert: 'M12 4 2.8 20h18.4zM12 10v4.5M12 17.2h.01',
} as const;

export function Icon({ name }: { name: keyof typeof paths }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={paths[name]} />
    </svg>
  );
}

/** The app's mark: a lens over a dot grid's corner. */
export function Mark() {
  return (
    <svg class="mark" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <circle cx="16" cy="16" r="11" />
      <path d="M10 16a6 6 0 0 1 6-6" />
      <circle cx="16" cy="16" r="2.2" class="mark-dot" />
    </svg>
  );
}
