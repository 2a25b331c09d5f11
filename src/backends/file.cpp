// cachemodel: entries as files in a directory.
// SPDX-License-Identifier: MIT
#include <cachemodel/backends/file.hpp>

#include <cachemodel/cache_url.hpp>

#include "backends/file_culling.hpp"
#include "backends/file_store.hpp"
#include "config_problem_error.hpp"

#include <chrono>
#include <limits>
#include <optional>
#include <thread>
#include <utility>

namespace cachemodel {

namespace {

using file::Buffer;
using file::DiskError;
using file::EntryName;
using file::EntryStore;
using file::Patience;

constexpr std::chrono::nanoseconds shortest_deadline = std::chrono::milliseconds{1};
constexpr std::chrono::nanoseconds longest_deadline = std::chrono::hours{1};
/// How often a call begins anew when what it needs is deleted under its hands.
constexpr int most_attempts = 100;

void require(bool sound, const std::string& complaint) {
    if (!sound) throw detail::wrong_location("file: " + complaint);
}

void require_option(bool sound, std::string_view option, const std::string& complaint) {
    if (!sound) throw detail::wrong_option(option, "file: " + complaint);
}

void check(const FileOptions& options) {
    require(options.directory.starts_with('/'), "directory must be an absolute path");
    require(options.directory.find('\0') == std::string::npos, "directory has a NUL byte");
    require_option(options.max_entries >= 1, "max_entries",
                   "max_entries is 0, it must be at least 1");
    require_option(options.deadline >= shortest_deadline && options.deadline <= longest_deadline,
                   "deadline", "deadline must be 1 ms to 1 h");
}

}  // namespace

/// Turns errors of the disk into answers.
class FileBackend::Implementation {
 public:
    Implementation(FileOptions options, const Clock& clock) : store_(std::move(options), clock) {
        capabilities_.lifetime_resolution = std::chrono::milliseconds{1};
        capabilities_.longest_key = std::numeric_limits<std::uint32_t>::max();
        capabilities_.shared = true;
        capabilities_.persistent = true;
        capabilities_.compare_and_set = true;
        capabilities_.atomic_increment = true;
        capabilities_.tells_lifetimes = true;
        capabilities_.lists_keys = true;
        try {
            static_cast<void>(store_.location().find());
        } catch (const DiskError& error) {
            if (error.lies_in_the_path()) throw detail::wrong_location(described(error));
        }
        store_.location().close();
    }

    const Capabilities& capabilities() const noexcept { return capabilities_; }
    EntryStore& store() noexcept { return store_; }
    Patience patience() const noexcept { return Patience{store_.options().deadline}; }

    /// Does `work`, again where the directory was deleted meanwhile.
    template <class Work>
    Outcome attempt(Work work) const {
        for (int attempts = 1;; ++attempts) {
            try {
                return work();
            } catch (const DiskError& error) {
                if (!error.went_away() || attempts == most_attempts) {
                    return Failure{error.fault(), described(error)};
                }
            }
            // Who deletes may have been stopped in the middle of it.
            std::this_thread::sleep_for(attempts * std::chrono::microseconds{10});
        }
    }

    /// The same for calls that throw.
    template <class Work>
    void attempt_or_throw(Work work) const {
        const Outcome outcome = attempt([&]() -> Outcome {
            work();
            return {};
        });
        if (outcome.failed()) outcome.failure().rethrow();
    }

 private:
    std::string described(const DiskError& error) const {
        return "file cache " + store_.options().directory + ": " + error.what();
    }

    EntryStore store_;
    Capabilities capabilities_;
};

FileBackend::FileBackend(FileOptions options, const Clock& clock) {
    check(options);
    implementation_ = std::make_unique<Implementation>(std::move(options), clock);
}

FileBackend::~FileBackend() = default;

const Capabilities& FileBackend::capabilities() const noexcept {
    return implementation_->capabilities();
}

void FileBackend::get_many(std::span<const std::string_view> keys, ReadSink& sink) {
    Buffer buffer;
    for (std::size_t i = 0; i < keys.size(); ++i) {
        const EntryName name{keys[i]};
        EntryStore::Answer answer{MissReason::nothing_stored};
        const Outcome outcome = implementation_->attempt([&]() -> Outcome {
            answer = implementation_->store().read(keys[i], name, buffer);
            return {};
        });
        if (outcome.failed()) {
            sink.failed(i, outcome.failure());
        } else if (answer.found) {
            sink.found(i, answer.found->value, answer.found->token);
        } else if (answer.reason != MissReason::nothing_stored) {
            sink.unusable(i, answer.reason);
        } else {
            sink.absent(i);
        }
    }
}

void FileBackend::store_many(Store how, std::span<const Entry> entries,
                             std::span<Outcome> outcomes) {
    Patience patience = implementation_->patience();
    EntryStore& store = implementation_->store();
    for (std::size_t i = 0; i < entries.size(); ++i) {
        const EntryName name{entries[i].key};
        outcomes[i] =
            implementation_->attempt([&] { return store.store(how, entries[i], name, patience); });
        if (how == Store::set && outcomes[i].failed()) store.discard(name);
    }
}

void FileBackend::remove_many(std::span<const std::string_view> keys, std::span<Outcome> outcomes) {
    Patience patience = implementation_->patience();
    for (std::size_t i = 0; i < keys.size(); ++i) {
        const EntryName name{keys[i]};
        outcomes[i] = implementation_->attempt(
            [&] { return implementation_->store().remove(keys[i], name, patience); });
    }
}

void FileBackend::touch_many(std::span<const std::string_view> keys, Lifetime lifetime,
                             std::span<Outcome> outcomes) {
    Patience patience = implementation_->patience();
    for (std::size_t i = 0; i < keys.size(); ++i) {
        const EntryName name{keys[i]};
        outcomes[i] = implementation_->attempt(
            [&] { return implementation_->store().touch(keys[i], name, lifetime, patience); });
    }
}

void FileBackend::clear() {
    Patience patience = implementation_->patience();
    implementation_->attempt_or_throw([&] {
        const auto root = implementation_->store().location().find();
        if (!root) return;
        const auto error = remove_entries(*root, patience, file::Drafts::remove);
        if (error) throw DiskError{*error};
    });
}

void FileBackend::close() noexcept { implementation_->store().location().close(); }

Outcome FileBackend::increment(std::string_view key, std::int64_t delta, std::int64_t& value) {
    Patience patience = implementation_->patience();
    return implementation_->attempt(
        [&] { return implementation_->store().increment(key, delta, value, patience); });
}

Outcome FileBackend::remaining_lifetime(std::string_view key, Lifetime& left) {
    return implementation_->attempt(
        [&] { return implementation_->store().remaining_lifetime(key, left); });
}

void FileBackend::list_keys(std::string_view prefix, KeySink& sink) {
    implementation_->attempt_or_throw([&] { implementation_->store().list_keys(prefix, sink); });
}

std::vector<Fact> FileBackend::facts() {
    EntryStore::Usage usage;
    implementation_->attempt_or_throw([&] { usage = implementation_->store().usage(); });
    return {{"", "entries", std::to_string(usage.entries)},
            {"", "bytes", std::to_string(usage.bytes)},
            {"", "directory", implementation_->store().options().directory}};
}

std::shared_ptr<Backend> open_file(CacheUrl& url, const Clock& clock) {
    const bool has_host =
        !url.hosts().empty() &&
        (url.hosts().size() > 1 || !url.hosts().front().name.empty() || url.hosts().front().port);
    const auto complaint =
        "file:// takes an absolute path after three slashes and nothing else: " + url.redacted();
    if (has_host || url.path().empty()) throw detail::wrong_location(complaint);
    if (!url.user().empty() || !url.password().empty()) throw detail::wrong_login(complaint);
    constexpr std::uint64_t most = std::numeric_limits<std::uint32_t>::max() - 1;
    FileOptions options;
    options.directory = url.path();
    options.max_entries = url.take_integer("max_entries", options.max_entries, 1, most);
    options.cull_frequency = url.take_integer("cull_frequency", options.cull_frequency, 0, most);
    options.deadline =
        url.take_duration("deadline", options.deadline, shortest_deadline, longest_deadline);
    return std::make_shared<FileBackend>(std::move(options), clock);
}

}  // namespace cachemodel
