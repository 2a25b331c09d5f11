// cachemodel: what caches have counted, as Prometheus reads it.
// SPDX-License-Identifier: MIT
#pragma once

#include <span>
#include <string>

namespace cachemodel {

class Cache;

/// What to send as `Content-Type` with the text.
inline constexpr char prometheus_content_type[] = "text/plain; version=0.0.4; charset=utf-8";

/// What all named caches that somebody has asked for, and their models, have counted: the text
/// exposition format 0.0.4 (prometheus.io, "Exposition formats").
///
/// Each number of `Statistics` is a counter, such as `cachemodel_hits_total{cache="default"}`; the
/// bytes are `cachemodel_read_bytes_total` and `cachemodel_written_bytes_total`, and the misses
/// have the label `reason`. Those of models begin with `cachemodel_model_` and have the label
/// `model`. Of a memory cache there is also what it holds: `cachemodel_memory_bytes` and others,
/// the same for all caches that share one store. No backend is asked that would have to ask a
/// server or a disk.
///
/// Takes locks for moments only, but reads every shard of the memory caches: meant for a scrape
/// every few seconds.
///
/// Thread safety: may be called concurrently.
/// Example: examples/observing.cpp#prometheus
std::string prometheus_text();

/// The same for one cache. Without a name its label `cache` is empty, which Prometheus takes as if
/// it were not there.
///
/// Thread safety: may be called concurrently.
std::string prometheus_text(const Cache& cache);

/// The same for these. What caches of one name have counted is added up; handles of one cache count
/// once, under the name of the first.
///
/// Thread safety: may be called concurrently.
std::string prometheus_text(std::span<const Cache> caches);

}  // namespace cachemodel
