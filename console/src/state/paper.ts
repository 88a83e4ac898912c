// Is the page on paper? There nothing is cut short, and times are those of the clock.
import { MediaQuery } from 'svelte/reactivity';

export const paper = new MediaQuery('print');
