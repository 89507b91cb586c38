"""Alert people that jobs cannot start, with any Python from 3.9 and nothing else of the suite.

The wrapper runs this folder alone (`__main__`) after a start that failed before the job could report anything, and
after the next start that succeeds. It reads the alert settings leniently, fills gaps from the last good copy of them
(each run keeps one, `keep_settings`), and sends one mail per cause, again each week, and one when it is over. Without
mail and webhook it writes to syslog and to standard error, which cron mails to MAILTO.
"""

from systemscripts.last_resort.alert_settings import keep_settings, name_environment

__all__ = ["keep_settings", "name_environment"]
