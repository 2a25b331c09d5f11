// cachemodel: entries as files in a directory.
// SPDX-License-Identifier: MIT
#include <cachemodel/backends/file.hpp>

#include <cachemodel/cache_url.hpp>

#include "backends/file_culling.hpp"
#include "backends/file_entry.hpp"
#include "backends/file_location.hpp"
#include "backends/file_lock.hpp"
#include "counter_text.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <exception>
#include <limits>
#include <optional>
#include <utility>

namespace cachemodel {

namespace {

using file::Buffer;
using file::Descriptor;
using file::DiskError;
using file::Draft;
using file::EntryName;
using file::Head;
using file::HeldLock;
using file::is_over;
using file::Milliseconds;
using file::Patience;
using file::Root;

constexpr std::chrono::nanoseconds shortest_deadline = std::chrono::milliseconds{1};
constexpr std::chrono::nanoseconds longest_deadline = std::chrono::hours{1};
/// How often a call begins anew when what it needs is deleted under its hands.
constexpr int most_attempts = 100;
constexpr int write_flags = (file::entry_flags & ~O_ACCMODE) | O_RDWR;

void require(bool sound, const std::string& complaint) {
    if (!sound) throw ConfigError{"file: " + complaint};
}

void check(const FileOptions& options) {
    require(options.directory.starts_with('/'), "directory must be an absolute path");
    require(options.directory.find('\0') == std::string::npos, "directory has a NUL byte");
    require(options.max_entries >= 1, "max_entries is 0, it must be at least 1");
    require(options.deadline >= shortest_deadline && options.deadline <= longest_deadline,
            "deadline must be 1 ms to 1 h");
}

/// What stands under a name, as a reader sees it.
struct Standing {
    enum class State : std::uint8_t { absent, over, live };

    State state = State::absent;
    Head head;

    bool is_live() const noexcept { return state == State::live; }
};

/// Nothing, where there is nothing, or what is no entry: nobody but an entry is read.
Descriptor open_entry(int directory, const char* name, int flags) {
    Descriptor entry = file::try_open(directory, name, flags);
    if (entry.is_open()) return entry;
    switch (errno) {
        case ENOENT:
        case ELOOP:   // a symbolic link
        case EMLINK:  // the same, on FreeBSD
        case ENXIO:   // a socket
        case EISDIR:  // a directory that was to be written
        case ENOTDIR:
            return entry;
        default:
            throw DiskError{errno, "open a file"};
    }
}

Standing standing_of(const Descriptor& entry, std::string_view key, Milliseconds now,
                     Buffer& buffer) {
    if (!entry.is_open()) return {};
    const auto head = file::read_head(entry, buffer);
    if (!head || head->key != key) return {};
    return {is_over(head->expires_at, now) ? Standing::State::over : Standing::State::live, *head};
}

}  // namespace

class FileBackend::Implementation {
 public:
    Implementation(FileOptions options, const Clock& clock)
        : options_(std::move(options)), clock_(clock), location_(options_.directory) {
        capabilities_.lifetime_resolution = std::chrono::milliseconds{1};
        capabilities_.longest_key = std::numeric_limits<std::uint32_t>::max();
        capabilities_.shared = true;
        capabilities_.persistent = true;
        capabilities_.compare_and_set = true;
        capabilities_.atomic_increment = true;
        capabilities_.tells_lifetimes = true;
        capabilities_.lists_keys = true;
        try {
            static_cast<void>(location_.find());
        } catch (const DiskError& error) {
            if (error.lies_in_the_path()) throw ConfigError{described(error)};
        }
        // Nothing is open before the first use, nor after a fork that comes before it.
        location_.close();
    }

    const Capabilities& capabilities() const noexcept { return capabilities_; }
    void close() noexcept { location_.close(); }
    Patience patience() const noexcept { return Patience{options_.deadline}; }

    void get_many(std::span<const std::string_view> keys, ReadSink& sink) {
        Buffer buffer;
        for (std::size_t i = 0; i < keys.size(); ++i) get(keys[i], i, sink, buffer);
    }

    Outcome store(Store how, const Entry& entry, Patience& patience) {
        const EntryName name{entry.key};
        Outcome outcome = attempt([&] { return store_once(how, entry, name, patience); });
        if (how == Store::set && outcome.failed()) discard(name);
        return outcome;
    }

    Outcome remove(std::string_view key, Patience& patience) {
        const EntryName name{key};
        return attempt([&]() -> Outcome {
            const auto root = location_.find();
            const Descriptor shelf = root ? find_shelf(*root, name.shelf()) : Descriptor{};
            if (!shelf.is_open()) return Outcome::declined_by_backend();
            const HeldLock lock = patience.lock(shelf);
            Buffer buffer;
            const bool was_live = look(shelf, name, key, buffer).is_live();
            if (file::remove_name(shelf.number(), name.file())) shrink(*root, name.shelf(), 1);
            return was_live ? Outcome{} : Outcome::declined_by_backend();
        });
    }

    Outcome touch(std::string_view key, Lifetime lifetime, Patience& patience) {
        const EntryName name{key};
        return attempt([&]() -> Outcome {
            const auto root = location_.find();
            const Descriptor shelf = root ? find_shelf(*root, name.shelf()) : Descriptor{};
            if (!shelf.is_open()) return Outcome::declined_by_backend();
            const HeldLock lock = patience.lock(shelf);
            const Descriptor entry = open_entry(shelf.number(), name.file(), write_flags);
            Buffer buffer;
            const Standing standing = standing_of(entry, key, now(), buffer);
            if (!standing.is_live()) return Outcome::declined_by_backend();
            file::write_expiry(entry, standing.head, file::end_of(lifetime, clock_.wall()));
            return {};
        });
    }

    Outcome increment(std::string_view key, std::int64_t delta, std::int64_t& value) {
        const EntryName name{key};
        Patience patience = this->patience();
        return attempt([&]() -> Outcome {
            const auto root = location_.find();
            const Descriptor shelf = root ? find_shelf(*root, name.shelf()) : Descriptor{};
            if (!shelf.is_open()) return Outcome::declined_by_backend();
            const HeldLock lock = patience.lock(shelf);
            const Descriptor entry = open_entry(shelf.number(), name.file(), file::entry_flags);
            Buffer buffer;
            const Standing standing = standing_of(entry, key, now(), buffer);
            if (!standing.is_live()) return Outcome::declined_by_backend();
            const auto stored = file::read_value(entry, standing.head, buffer);
            if (!stored) return Outcome::declined_by_backend();
            std::int64_t sum = 0;
            Outcome outcome = detail::add_to_counter(*stored, delta, sum);
            if (!outcome.done()) return outcome;
            Draft{shelf, key, std::to_string(sum), standing.head.expires_at}.publish(name.file());
            value = sum;
            return outcome;
        });
    }

    Outcome remaining_lifetime(std::string_view key, Lifetime& left) {
        const EntryName name{key};
        return attempt([&]() -> Outcome {
            const auto root = location_.find();
            if (!root) return Outcome::declined_by_backend();
            const Descriptor entry =
                open_entry(root->directory.number(), name.path(), file::entry_flags);
            Buffer buffer;
            const Milliseconds time = now();
            const Standing standing = standing_of(entry, key, time, buffer);
            if (!standing.is_live()) return Outcome::declined_by_backend();
            const Milliseconds end = standing.head.expires_at;
            left = end == file::forever ? Lifetime{never}
                                        : Lifetime{std::chrono::milliseconds{end - time}};
            return {};
        });
    }

    void clear() {
        Patience patience = this->patience();
        on_the_store(
            [&](const Root& root) { remove_entries(root, patience, file::Drafts::remove); });
    }

    void list_keys(std::string_view prefix, KeySink& sink) {
        on_the_store([&](const Root& root) {
            Buffer buffer;
            const Milliseconds time = now();
            for_each_entry(root, [&](const Descriptor& shelf, const std::string& name) {
                const Descriptor entry =
                    open_entry(shelf.number(), name.c_str(), file::entry_flags);
                if (!entry.is_open()) return;
                const auto head = file::read_head(entry, buffer);
                if (!head || is_over(head->expires_at, time)) return;
                // Under another name no reader finds it.
                if (!head->key.starts_with(prefix) || EntryName{head->key}.file() != name) return;
                sink.key(head->key);
            });
        });
    }

    std::vector<Fact> facts() {
        std::uint64_t entries = 0;
        std::uint64_t bytes = 0;
        on_the_store([&](const Root& root) {
            for_each_entry(root, [&](const Descriptor& shelf, const std::string& name) {
                const auto status = file::status_of(shelf.number(), name.c_str());
                if (!status) return;
                ++entries;
                bytes += static_cast<std::uint64_t>(status->st_size);
            });
        });
        return {{"", "entries", std::to_string(entries)},
                {"", "bytes", std::to_string(bytes)},
                {"", "directory", options_.directory}};
    }

 private:
    Milliseconds now() const noexcept { return file::milliseconds_of(clock_.wall()); }

    std::string described(const DiskError& error) const {
        return "file cache " + options_.directory + ": " + error.what();
    }

    /// Does `work`, again where the directory was deleted meanwhile.
    template <class Work>
    Outcome attempt(Work work) const {
        for (int attempts = 1;; ++attempts) {
            try {
                return work();
            } catch (const DiskError& error) {
                if (error.went_away() && attempts < most_attempts) continue;
                return Failure{error.fault(), described(error)};
            }
        }
    }

    /// The same for calls that throw. Where there is no directory, there is nothing to do.
    template <class Work>
    void on_the_store(Work work) {
        const Outcome outcome = attempt([&]() -> Outcome {
            if (const auto root = location_.find()) work(*root);
            return {};
        });
        if (outcome.failed()) outcome.failure().rethrow();
    }

    /// Goes through them once: what was visited cannot be taken back, and what goes away meanwhile
    /// need not be visited.
    template <class Visit>
    void for_each_entry(const Root& root, Visit visit) {
        for (unsigned number = 0; number < file::shelf_count; ++number) {
            try {
                const Descriptor shelf = find_shelf(root, number);
                if (!shelf.is_open()) continue;
                for (const auto& name : file::names_on(shelf).entries) visit(shelf, name);
            } catch (const DiskError& error) {
                if (!error.went_away()) throw;
            }
        }
    }

    Standing look(const Descriptor& shelf, const EntryName& name, std::string_view key,
                  Buffer& buffer) const {
        const Descriptor entry = open_entry(shelf.number(), name.file(), file::entry_flags);
        return standing_of(entry, key, now(), buffer);
    }

    void get(std::string_view key, std::size_t index, ReadSink& sink, Buffer& buffer) {
        const EntryName name{key};
        std::optional<std::string_view> value;
        std::uint64_t token = 0;
        const Outcome outcome = attempt([&]() -> Outcome {
            const auto root = location_.find();
            if (!root) return {};
            const Descriptor entry =
                open_entry(root->directory.number(), name.path(), file::entry_flags);
            const Standing standing = standing_of(entry, key, now(), buffer);
            if (standing.state == Standing::State::over) purge(*root, name, key);
            if (!standing.is_live()) return {};
            value = file::read_value(entry, standing.head, buffer);
            token = standing.head.token;
            return {};
        });
        if (outcome.failed()) {
            sink.failed(index, outcome.failure());
        } else if (value) {
            sink.found(index, *value, token);
        } else {
            sink.absent(index);
        }
    }

    /// Whether `Store::add` and `Store::compare_and_set` may write over what is there: for the one
    /// that is nothing, as a reader sees it.
    bool permits(const Descriptor& shelf, Store how, const Entry& wanted,
                 const EntryName& name) const {
        Buffer buffer;
        const Descriptor entry = open_entry(shelf.number(), name.file(), file::entry_flags);
        const Standing standing = standing_of(entry, wanted.key, now(), buffer);
        const bool is_there =
            standing.is_live() && file::read_value(entry, standing.head, buffer).has_value();
        if (how == Store::add) return !is_there;
        return is_there && standing.head.token == wanted.token;
    }

    Outcome store_once(Store how, const Entry& entry, const EntryName& name, Patience& patience) {
        const bool is_conditional = how != Store::set;
        const auto root =
            how == Store::compare_and_set ? location_.find() : location_.find_or_make();
        if (!root) return Outcome::declined_by_backend();
        const Descriptor shelf = file::find_or_make_shelf(*root, name.shelf());
        // Most of those that are declined need not be written first.
        if (is_conditional && !permits(shelf, how, entry, name)) {
            return Outcome::declined_by_backend();
        }
        Draft draft{shelf, entry.key, entry.value, file::end_of(entry.lifetime, clock_.wall())};
        for (int round = 0;; ++round) {
            // Room was made and others have taken it.
            if (round > 2) patience.pause(std::chrono::microseconds{50});
            HeldLock lock = patience.lock(shelf);
            if (is_conditional && !permits(shelf, how, entry, name)) {
                return Outcome::declined_by_backend();
            }
            const auto old = file::status_of(shelf.number(), name.file());
            if (old) {
                // Only an empty directory cannot be renamed over and does not matter.
                if (S_ISDIR(old->st_mode)) file::remove_name(shelf.number(), name.file());
                draft.publish(name.file());
                return {};
            }
            switch (grow(*root, name.shelf(), options_.max_entries, patience)) {
                case file::Growth::granted:
                    publish_new(draft, *root, name);
                    return {};
                case file::Growth::uncounted:
                    lock = HeldLock{};
                    count_shelves(*root, patience);
                    break;
                case file::Growth::full:
                    lock = HeldLock{};
                    make_room(*root, options_.max_entries, options_.cull_frequency, now(),
                              patience);
                    break;
            }
        }
    }

    static void publish_new(Draft& draft, const Root& root, const EntryName& name) {
        try {
            draft.publish(name.file());
        } catch (const DiskError&) {
            shrink(root, name.shelf(), 1);
            throw;
        }
    }

    /// Removes what has expired, unless it was written again meanwhile or somebody is at it. A
    /// reader neither waits for that nor fails by it.
    void purge(const Root& root, const EntryName& name, std::string_view key) const {
        try {
            const Descriptor shelf = find_shelf(root, name.shelf());
            if (!shelf.is_open()) return;
            const HeldLock lock = file::try_lock(shelf);
            Buffer buffer;
            if (!lock.is_held()) return;
            if (look(shelf, name, key, buffer).state != Standing::State::over) return;
            if (file::remove_name(shelf.number(), name.file())) shrink(root, name.shelf(), 1);
        } catch (const DiskError&) {
            return;
        }
    }

    /// After a write that failed: what is still there is out of date. Without the lock, if it
    /// cannot be had; then it stays counted until the next counting.
    void discard(const EntryName& name) {
        std::shared_ptr<const Root> root;
        try {
            root = location_.find();
            if (!root) return;
            const Descriptor shelf = find_shelf(*root, name.shelf());
            if (!shelf.is_open()) return;
            const HeldLock lock = file::try_lock(shelf);
            if (file::remove_name(shelf.number(), name.file()) && lock.is_held()) {
                shrink(*root, name.shelf(), 1);
            }
        } catch (const DiskError&) {
            if (root) ::unlinkat(root->directory.number(), name.path(), 0);
        }
    }

    FileOptions options_;
    const Clock& clock_;
    file::Location location_;
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
    implementation_->get_many(keys, sink);
}

void FileBackend::store_many(Store how, std::span<const Entry> entries,
                             std::span<Outcome> outcomes) {
    Patience patience = implementation_->patience();
    for (std::size_t i = 0; i < entries.size(); ++i) {
        outcomes[i] = implementation_->store(how, entries[i], patience);
    }
}

void FileBackend::remove_many(std::span<const std::string_view> keys, std::span<Outcome> outcomes) {
    Patience patience = implementation_->patience();
    for (std::size_t i = 0; i < keys.size(); ++i) {
        outcomes[i] = implementation_->remove(keys[i], patience);
    }
}

void FileBackend::touch_many(std::span<const std::string_view> keys, Lifetime lifetime,
                             std::span<Outcome> outcomes) {
    Patience patience = implementation_->patience();
    for (std::size_t i = 0; i < keys.size(); ++i) {
        outcomes[i] = implementation_->touch(keys[i], lifetime, patience);
    }
}

void FileBackend::clear() { implementation_->clear(); }

void FileBackend::close() noexcept { implementation_->close(); }

Outcome FileBackend::increment(std::string_view key, std::int64_t delta, std::int64_t& value) {
    return implementation_->increment(key, delta, value);
}

Outcome FileBackend::remaining_lifetime(std::string_view key, Lifetime& left) {
    return implementation_->remaining_lifetime(key, left);
}

void FileBackend::list_keys(std::string_view prefix, KeySink& sink) {
    implementation_->list_keys(prefix, sink);
}

std::vector<Fact> FileBackend::facts() { return implementation_->facts(); }

std::shared_ptr<Backend> open_file(CacheUrl& url, const Clock& clock) {
    const bool has_host =
        !url.hosts().empty() &&
        (url.hosts().size() > 1 || !url.hosts().front().name.empty() || url.hosts().front().port);
    if (has_host || !url.user().empty() || !url.password().empty() || url.path().empty()) {
        throw ConfigError{"file:// takes an absolute path after three slashes and nothing else: " +
                          url.redacted()};
    }
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
