//! What containers ask for names.

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{MetricType, counter::ConstCounter},
};
use std::{fmt, sync::Arc};
use weft_dns::QuestionCounts;

/// The name servers' own counts, read at each scrape.
#[derive(Debug)]
pub(super) struct Questions(pub(super) Arc<QuestionCounts>);

impl Collector for Questions {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let help = "Questions of containers for names, by how they were answered";
        let mut family = encoder.encode_descriptor("dns_queries", help, None, MetricType::Counter)?;
        for (result, count) in self.0.read() {
            let labels = [("result", result)];
            ConstCounter::new(count).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}
