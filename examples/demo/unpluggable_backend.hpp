// cachemodel: the demo: a backend that can be unplugged.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/backend.hpp>

#include <atomic>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

namespace demo {

/// Passes calls on to another backend. While it is unplugged they fail, as they do when a server is
/// gone: so the demo can show a failure where there is no server to kill.
///
/// Thread safety: may be called concurrently.
class UnpluggableBackend final : public cachemodel::Backend {
 public:
    explicit UnpluggableBackend(std::shared_ptr<cachemodel::Backend> backend)
        : backend_(std::move(backend)) {}

    void unplug() noexcept { unplugged_ = true; }
    void plug_in() noexcept { unplugged_ = false; }

    const cachemodel::Capabilities& capabilities() const noexcept override {
        return backend_->capabilities();
    }

    void get_many(std::span<const std::string_view> keys, cachemodel::ReadSink& sink) override {
        if (!unplugged_) return backend_->get_many(keys, sink);
        for (std::size_t i = 0; i < keys.size(); ++i) sink.failed(i, failure());
    }

    void store_many(cachemodel::Store how, std::span<const cachemodel::Entry> entries,
                    std::span<cachemodel::Outcome> outcomes) override {
        if (!unplugged_) return backend_->store_many(how, entries, outcomes);
        fail(outcomes);
    }

    void remove_many(std::span<const std::string_view> keys,
                     std::span<cachemodel::Outcome> outcomes) override {
        if (!unplugged_) return backend_->remove_many(keys, outcomes);
        fail(outcomes);
    }

    void touch_many(std::span<const std::string_view> keys, cachemodel::Lifetime lifetime,
                    std::span<cachemodel::Outcome> outcomes) override {
        if (!unplugged_) return backend_->touch_many(keys, lifetime, outcomes);
        fail(outcomes);
    }

    void clear() override {
        if (unplugged_) failure().rethrow();
        backend_->clear();
    }

    void close() noexcept override { backend_->close(); }

 private:
    static cachemodel::Failure failure() {
        return {cachemodel::BackendFault::unavailable, "it is unplugged"};
    }

    static void fail(std::span<cachemodel::Outcome> outcomes) {
        for (auto& outcome : outcomes) outcome = failure();
    }

    std::shared_ptr<cachemodel::Backend> backend_;
    std::atomic<bool> unplugged_{false};
};

}  // namespace demo
