"""`rescue campaign …`: reports of campaigns as files, and whether a file is what the log says."""

from cyclopts import App

from ops.campaign_report import check, report

app = App(name="campaign", help="专项行动：生成和核对报告。Campaigns: write their reports, and check one.")
app.command(report)
app.command(check)
