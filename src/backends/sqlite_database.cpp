// cachemodel: one connection to an SQLite database, with a deadline on everything.
// SPDX-License-Identifier: MIT
#include "backends/sqlite_database.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <mutex>
#include <new>
#include <system_error>
#include <thread>

namespace cachemodel::sqlite {

namespace {

using namespace std::chrono_literals;

/// How many steps of a statement there are between two looks at the time: some 50 microseconds.
constexpr int steps_between_looks = 1000;

std::string message_about(const std::string& path, std::string_view problem) {
    return ("sqlite: " + path + ": ").append(problem);
}

/// A pause before the next try for a lock, longer from try to try.
void pause(int number, const Deadline& deadline) {
    const auto wanted = std::min<std::chrono::nanoseconds>(50us * (1 << std::min(number, 6)), 2ms);
    const auto left = deadline.end - std::chrono::steady_clock::now();
    std::this_thread::sleep_for(std::min<std::chrono::nanoseconds>(wanted, left));
}

/// The disk is full, or a limit of the user or the process is reached.
bool means_no_room(int error) noexcept {
    return error == ENOSPC || error == EDQUOT || error == EFBIG;
}

[[noreturn]] void fail_with_errno(const std::string& path, int error, std::string_view doing) {
    const bool forbidden = error == EACCES || error == EPERM || error == EROFS;
    throw BackendError{
        forbidden ? BackendFault::permission
                  : (means_no_room(error) ? BackendFault::full : BackendFault::unavailable),
        message_about(path, doing) + ": " + std::generic_category().message(error)};
}

/// Makes an empty file that only its owner may read, whatever the process' umask. SQLite gives the
/// files beside it the same mode.
void make_private_file(const std::string& path) {
    const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
    int error = file == -1 ? errno : 0;
    if (file != -1) {
        if (::fchmod(file, S_IRUSR | S_IWUSR) != 0) error = errno;
        ::close(file);
    }
    if (error != 0 && error != EEXIST) fail_with_errno(path, error, "the file cannot be made");
}

void require_file(const std::string& path, bool make_file) {
    // Closing any descriptor of a file gives up the process' locks on it, those of connections to
    // the same database too. So no other thread may see a new file before it is closed here.
    static auto& mutex = *new std::mutex;
    const std::scoped_lock lock{mutex};
    struct stat status {};
    if (::stat(path.c_str(), &status) == 0) return;
    if (errno != ENOENT) fail_with_errno(path, errno, "the file cannot be opened");
    const auto directory = std::filesystem::path{path}.parent_path().string();
    if (::stat(directory.c_str(), &status) != 0) {
        fail_with_errno(path, errno, "its directory cannot be opened");
    }
    if (!make_file) {
        throw BackendError{BackendFault::unavailable,
                           message_about(path, std::string{"the file "} + is_not_there)};
    }
    make_private_file(path);
}

/// What the system said of the last failed write to the log. SQLite does not remember it where the
/// write was part of a COMMIT.
int log_error(sqlite3* handle) noexcept {
    sqlite3_file* log = nullptr;
    int error = 0;
    if (sqlite3_file_control(handle, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log) == SQLITE_OK &&
        log != nullptr && log->pMethods != nullptr) {
        log->pMethods->xFileControl(log, SQLITE_FCNTL_LAST_ERRNO, &error);
    }
    return error;
}

BackendFault fault_of(int result, sqlite3* handle) noexcept {
    if (result == SQLITE_IOERR_WRITE && means_no_room(log_error(handle))) return BackendFault::full;
    const int system_error = sqlite3_system_errno(handle);
    switch (result & 0xff) {
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
        case SQLITE_INTERRUPT:
            return BackendFault::timeout;
        case SQLITE_FULL:
            return BackendFault::full;
        case SQLITE_TOOBIG:
            return BackendFault::value_too_large;
        case SQLITE_READONLY:
        case SQLITE_PERM:
        case SQLITE_AUTH:
            return BackendFault::permission;
        case SQLITE_CANTOPEN:
            return system_error == EACCES || system_error == EPERM ? BackendFault::permission
                                                                   : BackendFault::unavailable;
        case SQLITE_IOERR:
            return means_no_room(system_error) ? BackendFault::full : BackendFault::unavailable;
        case SQLITE_PROTOCOL:
            return BackendFault::unavailable;
        default:
            return BackendFault::protocol;
    }
}

}  // namespace

BackendError timed_out(const std::string& path, const Deadline& deadline, std::string_view why) {
    const auto time = std::chrono::duration_cast<std::chrono::milliseconds>(deadline.whole);
    return {BackendFault::timeout,
            message_about(path, "not done within " + std::to_string(time.count()) + " ms: ")
                .append(why)};
}

std::optional<FileIdentity> FileIdentity::of(const std::string& path) noexcept {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) return std::nullopt;
    return FileIdentity{status.st_dev, status.st_ino};
}

Statement::Statement(Database& database, std::string_view sql) {
    sqlite3_stmt* made = nullptr;
    const int result =
        sqlite3_prepare_v3(database.handle_.get(), sql.data(), static_cast<int>(sql.size()),
                           SQLITE_PREPARE_PERSISTENT, &made, nullptr);
    statement_.reset(made);
    if (result != SQLITE_OK) database.fail(result);
}

Execution::Execution(Database& database, Statement& statement)
    : database_(database), statement_(statement.statement_.get()) {}

Execution::~Execution() {
    sqlite3_reset(statement_);
    sqlite3_clear_bindings(statement_);
}

void Execution::check(int result) {
    if (result != SQLITE_OK) database_.fail(result);
}

Execution& Execution::blob(std::string_view bytes) {
    // A null pointer would be NULL.
    const char* const data = bytes.data() == nullptr ? "" : bytes.data();
    check(sqlite3_bind_blob64(statement_, ++parameters_, data, bytes.size(), SQLITE_STATIC));
    return *this;
}

Execution& Execution::text(std::string_view text) {
    check(sqlite3_bind_text64(statement_, ++parameters_, text.data(), text.size(), SQLITE_STATIC,
                              SQLITE_UTF8));
    return *this;
}

Execution& Execution::integer(std::int64_t number) {
    check(sqlite3_bind_int64(statement_, ++parameters_, number));
    return *this;
}

Execution& Execution::integer_or_null(std::optional<std::int64_t> number) {
    if (number) return integer(*number);
    check(sqlite3_bind_null(statement_, ++parameters_));
    return *this;
}

bool Execution::next() {
    const int result = sqlite3_step(statement_);
    if (result == SQLITE_ROW) return true;
    if (result != SQLITE_DONE) database_.fail(result);
    return false;
}

std::int64_t Execution::run() {
    while (next()) {
    }
    return sqlite3_changes64(database_.handle_.get());
}

std::string_view Execution::blob_at(int column) {
    const void* const data = sqlite3_column_blob(statement_, column);
    const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_, column));
    if (data == nullptr) {
        if (sqlite3_errcode(database_.handle_.get()) == SQLITE_NOMEM) throw std::bad_alloc{};
        return {};
    }
    return {static_cast<const char*>(data), size};
}

std::int64_t Execution::integer_at(int column) noexcept {
    return sqlite3_column_int64(statement_, column);
}

bool Execution::is_null_at(int column) noexcept {
    return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

Database::Database(const std::string& path, bool make_file, const Deadline& deadline)
    : path_(path), deadline_(deadline) {
    const bool is_file = path != in_memory;
    if (is_file) require_file(path, make_file);

    // What is opened is never made here: it would get the mode that the umask allows.
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE |
                      SQLITE_OPEN_EXRESCODE;
    sqlite3* opened = nullptr;
    const int result = sqlite3_open_v2(path.c_str(), &opened, flags, nullptr);
    handle_.reset(opened);
    if (opened == nullptr) throw std::bad_alloc{};
    if (result != SQLITE_OK) fail(result);
    if (is_file) {
        file_ = FileIdentity::of(path);
        refuse_untrusted();
    }

    sqlite3_busy_handler(
        opened,
        [](void* self, int number) {
            const auto& database = *static_cast<const Database*>(self);
            if (database.deadline_.is_over()) return 0;
            pause(number, database.deadline_);
            return 1;
        },
        this);
    sqlite3_progress_handler(
        opened, steps_between_looks,
        [](void* self) { return static_cast<const Database*>(self)->deadline_.is_over() ? 1 : 0; },
        this);
    sqlite3_db_config(opened, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
    sqlite3_db_config(opened, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
    if (is_file) switch_to_log();
    execute("PRAGMA synchronous=NORMAL");
    // Some builds overwrite all that is deleted, which takes as long as writing it did, and room in
    // the log.
    execute("PRAGMA secure_delete=FAST");
    // A log that once grew, while somebody read for long, gives its space back.
    execute("PRAGMA journal_size_limit=67108864");
}

/// Whoever else can write there could put entries of their own in place of ours.
void Database::refuse_untrusted() const {
    struct stat status {};
    if (::stat(path_.c_str(), &status) != 0) {
        fail_with_errno(path_, errno, "the file cannot be opened");
    }
    if (status.st_uid != ::geteuid() && status.st_uid != 0) {
        throw BackendError{BackendFault::permission,
                           message_about(path_, "the file belongs to another user")};
    }
    if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        throw BackendError{BackendFault::permission,
                           message_about(path_, "the file is writable by others")};
    }
}

void Database::switch_to_log() {
    // Where the file is not in this mode already, SQLite needs it for itself and does not wait.
    for (int number = 0;; ++number) {
        try {
            execute("PRAGMA journal_mode=WAL");
            return;
        } catch (const BackendError& error) {
            if (error.fault() == BackendFault::permission && is_read_only()) {
                is_spoilt_ = false;
                return;  // it can be read as it is
            }
            if (error.fault() != BackendFault::timeout || deadline_.is_over()) throw;
        }
        pause(number, deadline_);
    }
}

void Database::check_time() const {
    if (deadline_.is_over()) throw timed_out(path_, deadline_, "there was too much to do");
}

void Database::execute(std::string_view sql) {
    Statement statement{*this, sql};
    Execution{*this, statement}.run();
}

std::string Database::ask(std::string_view sql) {
    Statement statement{*this, sql};
    Execution execution{*this, statement};
    return execution.next() ? execution.text_at(0) : std::string{};
}

void Database::roll_back() noexcept {
    // After some errors SQLite has done so itself. One that it cannot do is done by the next
    // reader.
    if (sqlite3_get_autocommit(handle_.get()) != 0) return;
    if (sqlite3_exec(handle_.get(), "ROLLBACK", nullptr, nullptr, nullptr) != SQLITE_OK) {
        is_spoilt_ = true;
    }
}

std::size_t Database::longest_row() const noexcept {
    return static_cast<std::size_t>(sqlite3_limit(handle_.get(), SQLITE_LIMIT_LENGTH, -1));
}

bool Database::is_current() const noexcept { return !file_ || FileIdentity::of(path_) == file_; }

bool Database::empty_log() noexcept {
    // Whoever reads for long keeps it from being emptied. Then there is time left to say so.
    const auto deadline = deadline_;
    deadline_.end -= std::max<std::chrono::nanoseconds>(
        (deadline.end - std::chrono::steady_clock::now()) / 2, std::chrono::nanoseconds{0});
    const int result = sqlite3_wal_checkpoint_v2(handle_.get(), nullptr, SQLITE_CHECKPOINT_TRUNCATE,
                                                 nullptr, nullptr);
    deadline_ = deadline;
    return result == SQLITE_OK;
}

void Database::leave_log() noexcept {
    sqlite3_db_config(handle_.get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
}

void Database::fail(int result) {
    const int kind = result & 0xff;
    if (kind == SQLITE_NOMEM) throw std::bad_alloc{};
    const char* const reason = sqlite3_errmsg(handle_.get());
    const auto fault = fault_of(result, handle_.get());
    if (fault == BackendFault::timeout) throw timed_out(path_, deadline_, reason);
    if (fault != BackendFault::full && kind != SQLITE_TOOBIG) is_spoilt_ = true;
    throw BackendError{fault, message_about(path_, reason) + " (" + std::to_string(result) + ')'};
}

}  // namespace cachemodel::sqlite
