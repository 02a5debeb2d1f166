//! Public tunnels for a local server: ngrok in-process and a supervised `cloudflared`.
