// What was done, of a row of the audit, in words? The request itself stays beside it.

const DID: Record<string, string> = {
  'POST /v1/alerts/{id}/resolve': 'Closed an alert', 'POST /v1/alerts/{id}/reopen': 'Reopened an alert', 'POST /v1/alerts/{id}/comment': 'Commented on an alert', 'POST /v1/alerts/{id}/assign': 'Assigned an alert',
  'POST /v1/alerts/{id}/work': 'Worked on an alert', 'POST /v1/alerts/{id}/investigate': 'Had a host look again', 'POST /v1/queue/work': 'Worked on alerts',
  'POST /v1/views': 'Kept a view', 'DELETE /v1/views/{name}': 'Removed a view',
  'POST /v1/actions': 'Asked for an action', 'POST /v1/actions/release-all': 'Released everything', 'POST /v1/actions/{id}/approve': 'Approved an action', 'POST /v1/actions/{id}/reject': 'Rejected an action', 'POST /v1/actions/{id}/confirm': 'Confirmed an action as root',
  'POST /v1/exceptions': 'Made an exception', 'DELETE /v1/exceptions/{id}': 'Removed an exception',
  'POST /v1/bouncers': 'Made a bouncer', 'DELETE /v1/bouncers/{name}': 'Removed a bouncer',
  'POST /v1/channels/{name}/test': 'Tested a channel', 'POST /v1/channels/{name}/dead/retry': 'Tried messages again',
  'POST /v1/users': 'Made a user', 'POST /v1/users/{name}': 'Changed a user', 'DELETE /v1/users/{name}': 'Removed a user', 'POST /v1/users/{name}/reset': 'Made a code for a lost password',
  'POST /v1/groups': 'Set a group of hosts', 'DELETE /v1/groups/{name}': 'Removed a group of hosts',
  'POST /v1/tokens': 'Made a token', 'DELETE /v1/tokens/{id}': 'Took a token back',
  'POST /v1/setup': 'Made the first admin', 'POST /v1/session': 'Signed in', 'DELETE /v1/session': 'Signed out', 'POST /v1/session/confirm': 'Proved to be there', 'POST /v1/reset': 'Chose a password by a code',
  'DELETE /v1/sessions': 'Signed out everywhere', 'DELETE /v1/sessions/{id}': 'Ended a session',
  'POST /v1/me/password': 'Changed the own password', 'POST /v1/me/totp': 'Began an authenticator', 'POST /v1/me/totp/confirm': 'Added an authenticator', 'DELETE /v1/me/totp': 'Removed the authenticator',
};

/** Nothing where it has no words. */
export const didOf = (what: string): string => (Object.hasOwn(DID, what) ? (DID[what] as string) : '');
