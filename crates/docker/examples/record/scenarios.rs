//! What is done while it is recorded.

/// Names and steps, in order: later ones need what earlier ones made.
pub(crate) fn all() -> Vec<(&'static str, Vec<&'static str>)> {
    [networks(), containers(), ends()].concat()
}

fn networks() -> Vec<(&'static str, Vec<&'static str>)> {
    vec![
        ("create", vec!["network create -d weft --ipam-driver weft plain"]),
        (
            "create-everything",
            vec![
                "network create -d weft --ipam-driver weft --subnet 10.20.0.0/24 --ip-range 10.20.0.128/25 \
                 --gateway 10.20.0.1 --aux-address router=10.20.0.9 --ipv6 --subnet fd20::/64 \
                 --ipam-opt color=red -o vni=300 -o com.docker.network.driver.mtu=1400 --attachable \
                 --label com.docker.compose.project=shop full",
            ],
        ),
        (
            "create-internal",
            vec!["network create -d weft --ipam-driver weft --subnet 10.22.0.0/24 --internal inside"],
        ),
        ("create-other-ipam", vec!["network create -d weft --subnet 10.21.0.0/24 other"]),
        (
            "create-refused",
            vec![
                "network create -d weft --ipam-driver weft --subnet 192.0.2.0/24 bad",
                "network create -d weft --ipam-driver weft -o vni=0 bad",
                "network create -d weft --ipam-driver weft --subnet 10.20.0.0/16 --gateway 10.20.0.250 bad",
                "GET /networks networks.json",
                "GET /version version.json",
                "GET /info info.json",
            ],
        ),
    ]
}

fn containers() -> Vec<(&'static str, Vec<&'static str>)> {
    vec![
        (
            "run",
            vec![
                "run -itd --net full --name nginx_01 --network-alias web -p 8080:80 \
                 --label com.docker.compose.service=web busybox",
                "GET /networks/full network.json",
                "GET /containers/json?all=1 containers.json",
                "GET /containers/nginx_01/json container.json",
            ],
        ),
        (
            "run-certain-addresses",
            vec![
                "create --net full --name certain --ip 10.20.0.200 --ip6 fd20::200 \
                 --mac-address 02:42:aa:bb:cc:dd busybox sleep 1000",
                "GET /containers/certain/json container-created.json",
                "start certain",
            ],
        ),
        ("run-refused", vec!["run --net full --ip 10.20.0.250 --name refused busybox"]),
        (
            "run-that-fails",
            vec!["run --net full --name failing busybox no-such-program", "rm failing refused"],
        ),
        (
            "connect",
            vec![
                "network connect --alias second plain nginx_01",
                "network connect --ip 10.22.0.77 inside nginx_01",
            ],
        ),
        ("rename", vec!["rename nginx_01 nginx_02", "GET /containers/json?all=1 containers-renamed.json"]),
        ("restart", vec!["restart -t 0 nginx_02"]),
        ("disconnect", vec!["network disconnect full nginx_02"]),
    ]
}

fn ends() -> Vec<(&'static str, Vec<&'static str>)> {
    vec![
        ("stop", vec!["stop -t 0 certain", "GET /networks/full network-empty.json"]),
        ("remove", vec!["rm -f nginx_02 certain"]),
        ("network-remove", vec!["network rm full inside plain other"]),
    ]
}
