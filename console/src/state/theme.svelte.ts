// How does the console look to this person?

export const THEMES = ['auto', 'dark', 'light', 'contrast'] as const;
export type Theme = (typeof THEMES)[number];
const KEY = 'tripoint-theme';

class Look {
  theme = $state<Theme>('auto');

  constructor() {
    const kept = localStorage.getItem(KEY) as Theme | null;
    this.set(kept && THEMES.includes(kept) ? kept : 'auto');
  }

  set(theme: Theme): void {
    this.theme = theme;
    localStorage.setItem(KEY, theme);
    if (theme === 'auto') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
  }

  next(): void {
    this.set(THEMES[(THEMES.indexOf(this.theme) + 1) % THEMES.length] ?? 'auto');
  }
}

export const look = new Look();
