"""What may be wrong with a request about a file; part of the tree in api/problems.py."""

from api.problems import Problem, Unavailable


class FileNotFound(Problem):
    status, code, title = 404, "file-not-found", "No such file"


class FileInUse(Problem):
    status, code, title = 409, "file-in-use", "A batch still needs the file"


class FileTooLarge(Problem):
    status, code, title = 413, "file-too-large", "The file is too large"


class RangeNotSatisfiable(Problem):
    status, code, title = 416, "range-not-satisfiable", "The file has no such bytes"


class FilesUnavailable(Unavailable):
    code, title = "files-unavailable", "Files cannot be stored or read"
