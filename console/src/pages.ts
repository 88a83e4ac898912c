// Which pages are there, and what does each of them load? One line each.
import type { Component } from 'svelte';
import type { Schemas } from './api/client';

export interface Page {
  title: string;
  icon: string;
  /** The letter after `g`. */
  key?: string;
  /** Least role that may see it; everybody without. */
  role?: Schemas['Role'];
  /** Not in the navigation: reached by links. */
  linked?: boolean;
  load: () => Promise<{ default: Component<{ name: string }> | Component<Record<string, never>> }>;
}

export const PAGES: Record<string, Page> = {
  '': { title: 'Overview', icon: 'overview', key: 'o', load: () => import('./pages/Overview.svelte') },
  queue: { title: 'Alerts', icon: 'queue', key: 'a', load: () => import('./pages/Queue.svelte') },
  connections: { title: 'Connections', icon: 'connections', key: 'c', load: () => import('./pages/Connections.svelte') },
  actions: { title: 'Actions', icon: 'actions', key: 'b', load: () => import('./pages/Actions.svelte') },
  exceptions: { title: 'Exceptions', icon: 'exceptions', key: 'e', load: () => import('./pages/Exceptions.svelte') },
  hosts: { title: 'Hosts', icon: 'hosts', key: 'h', load: () => import('./pages/Hosts.svelte') },
  feeds: { title: 'Feeds', icon: 'feeds', key: 'i', load: () => import('./pages/Feeds.svelte') },
  channels: { title: 'Channels', icon: 'channels', key: 'n', load: () => import('./pages/Channels.svelte') },
  users: { title: 'Users', icon: 'users', key: 'u', role: 'admin', load: () => import('./pages/Users.svelte') },
  tokens: { title: 'Tokens', icon: 'tokens', key: 't', role: 'admin', load: () => import('./pages/Tokens.svelte') },
  audit: { title: 'Audit', icon: 'audit', key: 'l', role: 'admin', load: () => import('./pages/Audit.svelte') },
  settings: { title: 'Settings', icon: 'settings', key: 's', load: () => import('./pages/Settings.svelte') },
  proven: { title: 'Proven', icon: 'person', linked: true, load: () => import('./pages/Proven.svelte') },
  alerts: { title: 'Alert', icon: 'queue', linked: true, load: () => import('./pages/AlertPage.svelte') },
  address: { title: 'Address', icon: 'connections', linked: true, load: () => import('./pages/Address.svelte') },
  application: { title: 'Application', icon: 'hosts', linked: true, load: () => import('./pages/Application.svelte') },
  cve: { title: 'Vulnerability', icon: 'exceptions', linked: true, load: () => import('./pages/Cve.svelte') },
  host: { title: 'Host', icon: 'hosts', linked: true, load: () => import('./pages/Host.svelte') },
  feed: { title: 'Feed', icon: 'feeds', linked: true, load: () => import('./pages/Feed.svelte') },
  package: { title: 'Package', icon: 'hosts', linked: true, load: () => import('./pages/Package.svelte') },
  exception: { title: 'Exception', icon: 'exceptions', linked: true, load: () => import('./pages/Exception.svelte') },
  action: { title: 'Action', icon: 'actions', linked: true, load: () => import('./pages/Action.svelte') },
  channel: { title: 'Channel', icon: 'channels', linked: true, load: () => import('./pages/Channel.svelte') },
  user: { title: 'User', icon: 'users', linked: true, load: () => import('./pages/User.svelte') },
};
