/**
 * What a report does where scripts run.
 */

document.documentElement.dataset.scripts = 'on';
