// cachemodel: what a fork does to the memory backend.
// SPDX-License-Identifier: MIT
#include "backends/memory_fork.hpp"

#include "backends/memory_shard.hpp"

#include <pthread.h>

#include <memory>

namespace cachemodel {

std::mutex& MemoryBackend::Forks::mutex() {
    static auto& mutex = *new std::mutex;
    return mutex;
}

std::vector<MemoryBackend*>& MemoryBackend::Forks::backends() {
    static auto& backends = *new std::vector<MemoryBackend*>;
    return backends;
}

void MemoryBackend::Forks::watch(MemoryBackend& backend) {
    static const int registered = ::pthread_atfork(&prepare, &go_on, &recover);
    static_cast<void>(registered);
    const std::scoped_lock lock{mutex()};
    backends().push_back(&backend);
}

void MemoryBackend::Forks::forget(const MemoryBackend& backend) noexcept {
    const std::scoped_lock lock{mutex()};
    std::erase(backends(), &backend);
}

void MemoryBackend::Forks::prepare() noexcept { mutex().lock(); }

void MemoryBackend::Forks::go_on() noexcept { mutex().unlock(); }

void MemoryBackend::Forks::recover() noexcept {
    for (auto* backend : backends()) {
        for (std::size_t i = 0; i < backend->shard_count_; ++i) {
            Shard& shard = backend->shards_[i];
            if (shard.outlives_fork()) continue;
            // What is in it is never touched again, nor freed.
            backend->set_up(*std::construct_at(&shard));
        }
    }
    mutex().unlock();
}

}  // namespace cachemodel
