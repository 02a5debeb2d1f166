//! The fake `cloudflared` as an executable: see `gateway_tunnels::testing::FakeCloudflared`.
//!
//! Linked as `cloudflared` into a folder, it reads `cloudflared.scenario.json` there (a good start
//! without one), appends its command lines to `cloudflared.calls` and writes `cloudflared.run.json`,
//! whose `public_addr` is the visitors' side of its tunnel.
use std::process::ExitCode;

fn main() -> ExitCode {
    gateway_tunnels::testing::fake_cloudflared_main()
}
