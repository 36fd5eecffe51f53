"""`rescue push …`: the key pair of Web Push."""

from cyclopts import App

from backend.notify.offered import fresh_key, public_key
from backend.settings import read

app = App(name="push", help="手机通知：网页推送的密钥。Notices to phones: the keys of Web Push.")


@app.command
def keys() -> None:
    """生成一对网页推送（VAPID）密钥，供 RESCUE_WEB_PUSH_KEY 使用。Make a key pair of Web Push (VAPID).

    The private key is what RESCUE_WEB_PUSH_KEY takes; browsers ask for the public one themselves (GET /api/devices/keys).
    """
    private = fresh_key()
    values, _ = read({"RESCUE_WEB_PUSH_KEY": private})
    print(f"RESCUE_WEB_PUSH_KEY={private}")
    print(f"# 公钥 public key: {public_key(values['web_push_key'])}")  # type: ignore[arg-type]  # the setting's own type
