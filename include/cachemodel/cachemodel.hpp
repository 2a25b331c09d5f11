// cachemodel: the core in one include; no network backend, no JSON, no cereal.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/backend.hpp>
#include <cachemodel/backends/file.hpp>
#include <cachemodel/backends/memory.hpp>
#include <cachemodel/backends/null.hpp>
#include <cachemodel/cache.hpp>
#include <cachemodel/cache_model.hpp>
#include <cachemodel/cache_options.hpp>
#include <cachemodel/cache_url.hpp>
#include <cachemodel/cached_form_method.hpp>
#include <cachemodel/cached_function.hpp>
#include <cachemodel/cached_method.hpp>
#include <cachemodel/caches.hpp>
#include <cachemodel/call_options.hpp>
#include <cachemodel/error.hpp>
#include <cachemodel/executor.hpp>
#include <cachemodel/field.hpp>
#include <cachemodel/fwd.hpp>
#include <cachemodel/key.hpp>
#include <cachemodel/key_functions.hpp>
#include <cachemodel/lifetime.hpp>
#include <cachemodel/lookup.hpp>
#include <cachemodel/model.hpp>
#include <cachemodel/models.hpp>
#include <cachemodel/observer.hpp>
#include <cachemodel/prometheus.hpp>
#include <cachemodel/reference.hpp>
#include <cachemodel/schemes.hpp>
#include <cachemodel/secondary_keys.hpp>
#include <cachemodel/self_contained.hpp>
#include <cachemodel/statistics.hpp>
#include <cachemodel/version.hpp>
